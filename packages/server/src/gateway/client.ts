import type { Clock, ConversationRef, Conversations, ResourceStore } from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";
import type { Health } from "../http/dependencies.ts";
import type { AgentNames } from "./agent-names.ts";
import type { ConnectParams } from "./connect-params.ts";
import type { SessionHub } from "./hub.ts";
import type { RecentSet } from "./recent-set.ts";
import type { SendOrder } from "./send-order.ts";
import type { Usage } from "./token-usage.ts";
import type { SessionIndex } from "./session-index.ts";

/** What the methods stand on, the same for all connections of a node. */
export interface GatewayServices {
  readonly conversations: Conversations;
  readonly resources: ResourceStore;
  readonly health: Health;
  readonly clock: Clock;
  readonly hub: SessionHub;
  readonly index: SessionIndex;
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  /** Who is connected here, as far as a token may know. */
  readonly presence: (caller: TokenRecord) => readonly object[];
}

/** A connection whose `connect` was accepted, as the methods see it. */
export interface Client {
  readonly services: GatewayServices;
  readonly caller: TokenRecord;
  readonly names: AgentNames;
  readonly usage: Usage;
  readonly connect: ConnectParams;
  /** From here on its events of a session are sent. Errors: those of `Conversations.subscribe`. */
  follow(ref: ConversationRef): void;
  /** Whether `sessions.changed` is sent, and of which sessions every message. */
  readonly wishes: { sessions: boolean; readonly messages: RecentSet<string> };
  readonly sends: SendOrder;
}

/** One request: its method may answer on the way; what it returns is the last answer. */
export interface Call {
  readonly client: Client;
  readonly params: unknown;
  /** An answer before the last. */
  readonly answer: (payload: unknown) => void;
  /** Aborts when the client is gone or the node stops. */
  readonly signal: AbortSignal;
}

export type Scope = "operator.read" | "operator.write";

export interface Method {
  readonly scope: Scope;
  readonly run: (call: Call) => unknown;
}
