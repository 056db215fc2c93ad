import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { unavailable } from "./nats-errors.ts";
import { type TlsCredentials, tlsOptions } from "./tls.ts";

/** What a connection uses the next time it is made. */
export interface ConnectionChange {
  /** `host:port`, in the order in which they are tried. */
  readonly servers?: readonly string[];
  readonly tls?: TlsCredentials;
}

export interface OpenOptions extends Omit<ConnectionOptions, "servers" | "tls"> {
  /** `host:port`, in the order in which they are tried. */
  readonly servers: readonly string[];
  readonly tls?: TlsCredentials;
}

export interface ReplaceableConnection {
  readonly connection: NatsConnection;
  readonly replace: (change: ConnectionChange) => void;
  /**
   * Goes over to the first of the servers when it is connected to another one. What is in flight ends with
   * an error, as when a connection is lost.
   */
  readonly comeHome: () => void;
}

const reconnectMinMs = 100;
const reconnectMaxMs = 1_000;
/** Tries at the shortest interval: longer than the engine needs for an election or a restart. */
const fastTries = 100;
const jitterMs = 100;
/** Of the client's pings: a server that answers none of so many is given up. */
const pingEveryMs = 5_000;
const pingsUnanswered = 2;

/**
 * Connects, and keeps connecting: also after a refusal, because a cluster may hear of a new node a moment
 * after the node itself. Errors: `engine_unavailable`.
 */
export async function openConnection({
  servers,
  tls: credentials,
  ...options
}: OpenOptions): Promise<ReplaceableConnection> {
  const tls = credentials && tlsOptions(credentials, servers);
  let tries = 0;
  const connection = await connect({
    pingInterval: pingEveryMs,
    maxPingOut: pingsUnanswered,
    ...options,
    servers: [...servers],
    ...(tls && { tls }),
    reconnect: true,
    // A trace for each request costs an Error each; the message names the request.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => {
      tries += 1;
      const pauseMs = tries > fastTries ? reconnectMaxMs : reconnectMinMs;
      return pauseMs + Math.random() * jitterMs;
    },
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: false,
  }).catch((thrown: unknown) => {
    throw unavailable("The engine does not accept the connection.", thrown);
  });
  let transport = transportOf(connection);
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === "staleConnection" || type === "forceReconnect") transport?.socket?.destroy();
      if (type !== "reconnect") continue;
      tries = 0;
      transport = transportOf(connection);
    }
  })();
  let order = servers;
  const setOrder = () => {
    if (!connection.isClosed()) connection.setServers([...order]);
  };
  // A server that did not answer the first time was dropped.
  setOrder();
  return {
    connection,
    replace: (change) => {
      if (change.servers && change.servers.length > 0) order = change.servers;
      if (change.tls && tls) Object.assign(tls, tlsOptions(change.tls, order));
      setOrder();
    },
    comeHome: () => {
      if (connection.isClosed() || connection.getServer() === order[0]) return;
      // The client goes round its list.
      setOrder();
      void connection.reconnect();
    },
  };
}

interface Transport {
  readonly socket?: { destroy(): void };
}

/**
 * The client first writes what it still has before it gives a connection up, and waits for that: a server
 * that is frozen, or a machine that is gone, takes nothing any more. Nothing public leads to the socket.
 */
function transportOf(connection: NatsConnection): Transport | undefined {
  const { protocol } = connection as { protocol?: { transport?: Transport } };
  return protocol?.transport;
}
