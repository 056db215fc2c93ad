import { type AdministrationCalls, administrationCalls } from "./administration.ts";
import { type ChannelCalls, channelCalls } from "./channels.ts";
import { type ClusterCalls, clusterCalls } from "./cluster.ts";
import { type ConversationCalls, conversationCalls } from "./conversations.ts";
import { createHttp, type Fetch } from "./http.ts";
import { clientLimits } from "./limits.ts";
import { type OperatorCalls, operatorCalls } from "./operators.ts";
import { type ResourceCalls, resourceCalls } from "./resources.ts";
import { fetchWithAuthority } from "./tls-fetch.ts";

export interface ClientOptions {
  /** The node's address, e.g. http://127.0.0.1:7400. */
  readonly url: string;
  readonly token?: string;
  readonly fetch?: Fetch;
  /** PEM text of the certificate authority that signed the node's certificate. */
  readonly ca?: string;
  /** Tries of one call, the first included. */
  readonly attempts?: number;
  /** Of one request without a wait. */
  readonly timeoutMs?: number;
  /** An event stream silent for longer is opened anew. */
  readonly heartbeatTimeoutMs?: number;
  readonly reconnectMinMs?: number;
}

/** Everything the API offers; every call rejects with a HoldfastError. */
export interface Client
  extends ResourceCalls,
    ConversationCalls,
    AdministrationCalls,
    ChannelCalls,
    ClusterCalls,
    OperatorCalls {
  readonly url: string;
}

export function createClient(options: ClientOptions): Client {
  const http = createHttp({
    url: options.url,
    token: options.token,
    fetch: options.fetch ?? (options.ca === undefined ? fetch : fetchWithAuthority(options.ca)),
    attempts: options.attempts ?? clientLimits.attempts,
    timeoutMs: options.timeoutMs ?? clientLimits.requestTimeoutMs,
  });
  return {
    url: http.url,
    ...resourceCalls(http),
    ...conversationCalls(http, {
      heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? clientLimits.heartbeatTimeoutMs,
      reconnectMinMs: options.reconnectMinMs ?? clientLimits.reconnectMinMs,
    }),
    ...administrationCalls(http),
    ...channelCalls(http),
    ...clusterCalls(http),
    ...operatorCalls(http),
  };
}
