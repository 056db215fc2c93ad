import type { Engine, HoldfastError } from "@holdfast/core";
import { type ConnectionChange, openConnection, type OpenOptions } from "./connection.ts";
import { NatsBlobStore } from "./nats-blob-store.ts";
import { NatsBus } from "./nats-bus.ts";
import { NatsClient } from "./nats-client.ts";
import { NatsKeyValue } from "./nats-key-value.ts";
import { NatsMessageLog } from "./nats-message-log.ts";
import { provision } from "./provision.ts";
import type { StreamOptions } from "./streams.ts";

const provisionTimeoutMs = 20_000;

/** `replicas`: of the first streams that are made; later ones get as many as those that are there. */
export interface NatsEngineOptions extends StreamOptions {
  readonly connection: OpenOptions;
  /** Streams may have several replicas: their leaders are asked. Without: when `replicas` is over 1. */
  readonly isReplicated?: boolean;
  /** How long provisioning waits for the cluster's metadata leader. */
  readonly provisionTimeoutMs?: number;
  /** Asked before each write: why it may not be tried. */
  readonly refusal?: () => HoldfastError | undefined;
}

export interface NatsEngine extends Engine {
  readonly serverVersion: string;
  readonly isConnected: () => boolean;
  /** `host:port` of the server that it is, or was last, connected to. */
  readonly connectedTo: () => string;
  /** Reads ask the streams' leaders from now on, for good: streams may have several replicas. */
  readonly askLeaders: () => void;
  /** Takes effect the next time the connection is made. */
  readonly replace: (change: ConnectionChange) => void;
}

/** Connects to the engine. Errors: `engine_unavailable`. */
export async function createNatsEngine(options: NatsEngineOptions): Promise<NatsEngine> {
  return (await openEngine(options)).engine;
}

export interface OpenEngine {
  readonly engine: NatsEngine;
  readonly client: NatsClient;
  readonly comeHome: () => void;
}

/** The same, and the client that the adapters share. */
export async function openEngine(options: NatsEngineOptions): Promise<OpenEngine> {
  const { connection, replace, comeHome } = await openConnection(options.connection);
  const client = new NatsClient(connection, {
    refusal: options.refusal,
    inboxPrefix: options.connection.inboxPrefix,
    asksLeaders: options.isReplicated ?? options.replicas > 1,
  });
  const engine: NatsEngine = {
    messageLog: new NatsMessageLog(client),
    keyValue: new NatsKeyValue(client),
    blobStore: new NatsBlobStore(client),
    bus: new NatsBus(client),
    serverVersion: connection.info?.version ?? "unknown",
    isConnected: () => client.isConnected,
    connectedTo: () => connection.getServer(),
    askLeaders: () => client.askLeaders(),
    replace,
    provision: (plan) =>
      provision(client, plan, options, options.provisionTimeoutMs ?? provisionTimeoutMs),
    close: () => client.close(),
  };
  return { engine, client, comeHome };
}
