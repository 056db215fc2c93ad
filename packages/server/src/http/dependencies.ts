import type {
  Channels,
  Clock,
  ClusterAdmin,
  Conversations,
  Random,
  ResourceStore,
} from "@holdfast/core";
import type { Tokens } from "@holdfast/security";
import type { Logger } from "pino";
import type { AuthorityControl } from "./authority-control.ts";
import type { ClusterEntry } from "./cluster-entry.ts";
import type { Shutdown } from "./shutdown.ts";
import type { ApiTls } from "./tls-server.ts";
import type { StoreRepair } from "./store-repair.ts";

/** What the API stands on; the composition root gives it. */
export interface HttpDependencies {
  readonly conversations: Conversations;
  readonly resources: ResourceStore;
  readonly tokens: Tokens;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  /** How nodes join; absent where there is no cluster. */
  readonly cluster?: ClusterEntry;
  /** What operators see and change; absent where there is no cluster. */
  readonly clusterAdmin?: ClusterAdmin;
  /** Only on store nodes with a managed engine. */
  readonly storeRepair?: StoreRepair;
  /** Only on store nodes of a cluster with its own authority. */
  readonly authorityControl?: AuthorityControl;
  /** The channel accounts. */
  readonly channels?: Channels;
  /** False on compute nodes: they may not write resources and tokens, and point to store nodes. */
  readonly mayDeclare?: boolean;
  /** The certificates it shows; without them it speaks plain HTTP. */
  readonly tls?: ApiTls;
  /** Shorter times than those of `limits`, for tests. */
  readonly timing?: Partial<HttpTiming>;
}

export interface Health {
  live(): boolean;
  ready(): Promise<Readiness>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly HealthCheck[];
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Metrics {
  /** In the text format of Prometheus. */
  render(): Promise<string>;
}

/** Milliseconds. */
export interface HttpTiming {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  readonly shutdownMs: number;
  readonly waitMaxMs: number;
}

/** What the routes get. */
export interface RouteContext extends HttpDependencies {
  readonly timing: HttpTiming;
  readonly shutdown: Shutdown;
}
