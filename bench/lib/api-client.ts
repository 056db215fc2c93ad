import { Agent as PlainAgent, request as plainRequest, type RequestOptions } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  /** From the call to the last byte. */
  readonly ms: number;
}

export interface ApiRequest {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without the whole answer by then the connection is given up; no limit when absent. */
  readonly timeoutMs?: number;
}

export interface StoredText {
  readonly index: number;
  readonly role: string;
  readonly text: string;
}

/** A thin client: kept-alive connections, no retry, nothing hidden from the measurement. */
export class ApiClient {
  readonly #agent: PlainAgent;
  readonly #request: typeof plainRequest;
  readonly #url: string;
  readonly #token: string;

  /** `ca`: PEM text of the authority, for https. */
  constructor(url: string, token: string, ca?: string) {
    const options = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
    this.#agent = ca === undefined ? new PlainAgent(options) : new TlsAgent({ ...options, ca });
    this.#request = ca === undefined ? plainRequest : tlsRequest;
    this.#url = url;
    this.#token = token;
  }

  /** Errors: those of the connection; any status is an answer. */
  call(
    method: string,
    path: string,
    { body, headers, timeoutMs }: ApiRequest = {},
  ): Promise<ApiAnswer> {
    const startedAt = performance.now();
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const options: RequestOptions = {
        method,
        agent: this.#agent,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(payload && {
            "content-type": "application/json",
            "content-length": payload.byteLength,
          }),
          ...headers,
        },
      };
      const outgoing = this.#request(this.#url + path, options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          clearTimeout(timer);
          const text = Buffer.concat(parts).toString("utf8");
          resolve({ status: response.statusCode ?? 0, text, ms: performance.now() - startedAt });
        });
      });
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(
              () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)),
              timeoutMs,
            );
      outgoing.on("close", () => clearTimeout(timer));
      outgoing.on("error", reject);
      outgoing.end(payload);
    });
  }

  /** Errors: any other status than 2xx. */
  async must(method: string, path: string, options: ApiRequest = {}): Promise<ApiAnswer> {
    const answer = await this.call(method, path, options);
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
    }
    return answer;
  }

  async apply(resources: readonly object[]): Promise<void> {
    await this.must("POST", "/api/v1/apply", { body: { resources } });
  }

  /** One figure of /metrics; without labels. */
  async metric(name: string): Promise<number> {
    const { text } = await this.must("GET", "/metrics");
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  }

  /** The whole history of a conversation, page by page; none when it does not exist. */
  async history(path: string): Promise<StoredText[]> {
    const found: StoredText[] = [];
    for (;;) {
      const after = found.at(-1)?.index ?? -1;
      const answer = await this.call("GET", `${path}/messages?after=${after}&limit=1000`);
      if (answer.status === 404) return found;
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
      const page = JSON.parse(answer.text) as { messages: StoredText[]; newest: number };
      found.push(...page.messages);
      if (page.messages.length === 0 || (found.at(-1)?.index ?? -1) >= page.newest) return found;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function conversationPath(organization: string, agent: string, id: string): string {
  return `/api/v1/orgs/${organization}/agents/${agent}/conversations/${id}`;
}
