import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

export interface ApiAnswer {
  readonly status: number;
  readonly body: any;
  /** Seconds of the Retry-After header. */
  readonly retryAfterS: number | undefined;
}

export interface ApiCall {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the whole answer is there, 10 s by default. */
  readonly timeoutMs?: number;
}

export interface HistoryMessage {
  readonly index: number;
  readonly id: string;
  readonly role: string;
  readonly text: string;
  readonly toolCalls?: readonly unknown[];
}

/** Nothing was sent: the connection could not be made. */
export class NotConnected extends Error {}

const historyPage = 500;

/** One node's API: kept-alive connections, no retry. */
export class NodeApi {
  readonly url: string;
  readonly #token: string;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(url: string, token: string, ca: string | undefined) {
    this.url = url;
    this.#token = token;
    const options = { keepAlive: true, maxSockets: 512 };
    this.#agent = url.startsWith("https:")
      ? new HttpsAgent({ ...options, ca, minVersion: "TLSv1.3" })
      : new HttpAgent(options);
  }

  /** Any status is an answer. Errors: `NotConnected`, and others when the outcome is unknown. */
  call(method: string, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
    const { body, headers, timeoutMs = 10_000 } = call;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const send = this.url.startsWith("https:") ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      let isConnected = false;
      const outgoing = send(
        this.url + path,
        {
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
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("error", reject);
          response.on("end", () => {
            clearTimeout(timer);
            const text = Buffer.concat(parts).toString("utf8");
            const after = response.headers["retry-after"];
            resolve({
              status: response.statusCode ?? 0,
              body: parse(text),
              retryAfterS: after === undefined ? undefined : Number(after),
            });
          });
        },
      );
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const ready = this.url.startsWith("https:") ? "secureConnect" : "connect";
      outgoing.on("socket", (socket) => {
        isConnected = outgoing.reusedSocket;
        if (isConnected) return;
        socket.once(ready, () => {
          isConnected = true;
        });
      });
      outgoing.on("error", (error) => {
        clearTimeout(timer);
        reject(isConnected ? error : new NotConnected(error.message));
      });
      outgoing.end(payload);
    });
  }

  /** Errors: any other status than 2xx. */
  async must(method: string, path: string, call: ApiCall = {}): Promise<any> {
    const answer = await this.call(method, path, call);
    if (answer.status < 200 || answer.status > 299) {
      const said = JSON.stringify(answer.body)?.slice(0, 1_000);
      throw new Error(`${method} ${this.url}${path} answered ${answer.status}: ${said}`);
    }
    return answer.body;
  }

  /** Undefined for a conversation that does not exist. */
  async history(agent: string, conversation: string): Promise<HistoryMessage[] | undefined> {
    const all: HistoryMessage[] = [];
    for (;;) {
      const after = all.at(-1)?.index ?? -1;
      const path = `${messagesPath(agent, conversation)}?after=${after}&limit=${historyPage}`;
      const { status, body } = await this.call("GET", path, { timeoutMs: 30_000 });
      if (status === 404 && body?.error?.code === "conversation_not_found") return undefined;
      if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
      all.push(...body.messages);
      if (body.messages.length === 0 || all.at(-1)?.index === body.newest) return all;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** `agent` is `organization/agent`. */
export function messagesPath(agent: string, conversation: string): string {
  return `/api/v1/orgs/${agent.replace("/", "/agents/")}/conversations/${conversation}/messages`;
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
