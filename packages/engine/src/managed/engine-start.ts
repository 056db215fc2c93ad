import type { EngineAddress, HoldfastError } from "@holdfast/core";
import { unavailable } from "../nats/nats-errors.ts";
import { openEngine, type OpenEngine } from "../nats/nats-engine.ts";
import type { TlsCredentials } from "../nats/tls.ts";
import { inboxPrefixOf } from "./accounts.ts";
import { clientServers } from "./engine-plans.ts";
import { dataTag } from "./server-config.ts";
import { pause } from "./supervisor.ts";
import type { SystemAccount } from "./system-account.ts";

const connectTimeoutMs = 10_000;
const connectTryTimeoutMs = 2_000;
const connectPauseMs = 20;
const joinReportMs = 30_000;
const joinPollMs = 50;

interface OwnServer {
  readonly node: string;
  readonly address: EngineAddress;
  readonly tls: TlsCredentials;
  readonly isReplicated: boolean;
  readonly refusal: () => HoldfastError | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Connects to the own server alone: others are only tried when it fails later. Errors: `engine_unavailable`,
 * the signal's reason.
 */
export async function connectWhenReady(own: OwnServer): Promise<OpenEngine> {
  const deadline = performance.now() + connectTimeoutMs;
  for (;;) {
    try {
      return await openEngine({
        connection: {
          servers: clientServers([own.address]),
          noRandomize: true,
          tls: own.tls,
          inboxPrefix: inboxPrefixOf(own.node),
          timeout: connectTryTimeoutMs,
        },
        isReplicated: own.isReplicated,
        refusal: own.refusal,
        replicas: 1,
        placementTags: [dataTag],
      });
    } catch (thrown) {
      own.signal?.throwIfAborted();
      if (performance.now() > deadline) throw thrown;
      await pause(connectPauseMs, own.signal);
    }
  }
}

/**
 * Waits until a new server has what the others know, however long they are away, and reports that from time to
 * time. Errors: the signal's reason.
 */
export async function untilMember(
  system: SystemAccount,
  serverName: string,
  { signal, report }: JoinWait,
): Promise<void> {
  for (let reportAt = performance.now() + joinReportMs; ; ) {
    const meta = await system.metaCluster().catch(() => undefined);
    if (meta?.leader === serverName) return;
    const own = meta?.replicas?.find(({ name }) => name === serverName);
    if (own?.current === true) return;
    signal?.throwIfAborted();
    if (performance.now() >= reportAt) {
      const problem =
        "The engine's other servers cannot be reached, or do not let this one in. This one waits.";
      report(unavailable(problem), "engine");
      reportAt = performance.now() + joinReportMs;
    }
    await pause(joinPollMs, signal);
  }
}

interface JoinWait {
  readonly signal?: AbortSignal;
  readonly report: (error: HoldfastError, where: string) => void;
}
