import type { HoldfastError } from "@holdfast/core";
import { credsAuthenticator } from "@nats-io/transport-node";
import type { OpenOptions } from "./connection.ts";
import { createNatsEngine, type NatsEngine } from "./nats-engine.ts";
import type { TlsCredentials } from "./tls.ts";

export interface ConnectEngineOptions {
  /** `host:port` of each server. */
  readonly servers: readonly string[];
  /** Tries them in this order; without, in any, so that many nodes spread over all servers. */
  readonly isOrdered?: boolean;
  /** Who connects. Without, `tls` says it, or the engine lets everybody in. */
  readonly login?:
    | { readonly user: string; readonly password: string }
    /** Text of a .creds file: a NATS JWT and its seed. */
    | { readonly creds: string };
  readonly tls?: TlsCredentials;
  readonly inboxPrefix?: string;
  readonly isReplicated: boolean;
  /** Of the first streams that are made. */
  readonly replicas: number;
  readonly placementTags?: readonly string[];
  readonly refusal?: () => HoldfastError | undefined;
}

/** One try at one server; the next one follows. */
const connectTimeoutMs = 5_000;

/** Connects to an engine that this process does not run. Errors: `engine_unavailable`. */
export function connectEngine(options: ConnectEngineOptions): Promise<NatsEngine> {
  const { servers, login, tls, inboxPrefix, placementTags = [], isOrdered = false } = options;
  const connection: OpenOptions = {
    servers,
    timeout: connectTimeoutMs,
    noRandomize: isOrdered,
    ...(tls && { tls }),
    ...(inboxPrefix !== undefined && { inboxPrefix }),
    ...(login && "user" in login && { user: login.user, pass: login.password }),
    ...(login &&
      "creds" in login && {
        authenticator: credsAuthenticator(new TextEncoder().encode(login.creds)),
      }),
  };
  return createNatsEngine({ ...options, connection, placementTags });
}
