import type { HoldfastError } from "@holdfast/core";
import {
  type ConnectionChange,
  openConnection,
  type ReplaceableConnection,
} from "../nats/connection.ts";
import { type ApiAnswer, answeredError, unavailable } from "../nats/nats-errors.ts";
import type { TlsCredentials } from "../nats/tls.ts";

const connectTimeoutMs = 5_000;
const requestTimeoutMs = 5_000;
const notMemberCode = 10_044;

interface MetaCluster {
  readonly leader?: string;
  readonly replicas?: readonly MetaPeer[];
}

interface MetaPeer {
  readonly name: string;
  readonly current: boolean;
  readonly offline?: boolean;
  /** Nanoseconds since the leader heard of it; 0 when it never did. */
  readonly active?: number;
  readonly lag?: number;
}

/** Questions to the servers themselves. The connection is made when the first one is asked. */
export class SystemAccount {
  #servers: readonly string[];
  #tls: TlsCredentials;
  #open: Promise<ReplaceableConnection> | undefined;
  #closed = false;

  constructor(servers: readonly string[], tls: TlsCredentials) {
    this.#servers = servers;
    this.#tls = tls;
  }

  replace({ servers, tls }: ConnectionChange): void {
    this.#servers = servers ?? this.#servers;
    this.#tls = tls ?? this.#tls;
    this.#open?.then(
      (open) => open.replace({ servers: this.#servers, tls: this.#tls }),
      () => undefined,
    );
  }

  /** The metadata's leader and followers; undefined while there is no leader. Errors: `engine_unavailable`. */
  async metaCluster(timeoutMs = 1_000): Promise<MetaCluster | undefined> {
    const { connection } = await this.#connect();
    try {
      const options = JSON.stringify({ leader_only: true });
      const reply = await connection.request("$SYS.REQ.SERVER.PING.JSZ", options, {
        timeout: timeoutMs,
      });
      return reply.json<{ data?: { meta_cluster?: MetaCluster } }>().data?.meta_cluster;
    } catch {
      // Only a leader answers.
      return undefined;
    }
  }

  /** Takes a server out of the metadata's group. One that is not in it is no error. */
  async removeServer(name: string): Promise<void> {
    const { connection } = await this.#connect();
    let answer: ApiAnswer;
    try {
      const request = JSON.stringify({ peer: name });
      const reply = await connection.request("$JS.API.SERVER.REMOVE", request, {
        timeout: requestTimeoutMs,
      });
      answer = reply.json<ApiAnswer>();
    } catch (thrown) {
      throw unavailable(`Take ${name} out of the cluster: no answer.`, thrown);
    }
    const { error } = answer;
    if (error && error.err_code !== notMemberCode) {
      throw answeredError(error, `Take ${name} out of the cluster`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = await this.#open?.catch(() => undefined);
    await open?.connection.close();
  }

  #connect(): Promise<ReplaceableConnection> {
    if (this.#closed) throw unavailable("The engine is closed.");
    this.#open ??= openConnection({
      servers: this.#servers,
      noRandomize: true,
      tls: this.#tls,
      timeout: connectTimeoutMs,
    }).catch((thrown: unknown) => {
      this.#open = undefined;
      throw thrown as HoldfastError;
    });
    return this.#open;
  }
}
