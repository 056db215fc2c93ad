import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface HttpAnswer {
  readonly status: number;
  /** Body bytes as latin1, which is cheap; exact for ASCII. */
  readonly body: string;
}

const headEnd = "\r\n\r\n";
const defaultAnswerTimeoutMs = 30_000;

export interface ConnectionOptions {
  /** The authority's certificate in PEM: with it the connection is TLS. */
  readonly ca?: string | undefined;
  readonly answerTimeoutMs?: number;
}

/**
 * One kept-alive HTTP/1.1 connection with one request at a time: just enough of the protocol to put a server
 * under load without needing a core for it. Errors: a connection that ends before its answer is whole.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #received = "";
  #answer: PromiseWithResolvers<HttpAnswer> | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket, answerTimeoutMs: number) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#onData(text));
    socket.setTimeout(answerTimeoutMs, () => {
      if (this.#answer) socket.destroy(new Error(`no answer within ${answerTimeoutMs} ms`));
    });
    socket.once("error", (error) => this.#fail(error));
    socket.once("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static open(
    host: string,
    port: number,
    { ca, answerTimeoutMs = defaultAnswerTimeoutMs }: ConnectionOptions = {},
  ): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const isTls = ca !== undefined;
      const socket = isTls ? connectTls({ host, port, ca }) : connect({ host, port });
      socket.once("error", reject);
      socket.once(isTls ? "secureConnect" : "connect", () => {
        socket.off("error", reject);
        resolve(new HttpConnection(socket, answerTimeoutMs));
      });
    });
  }

  /** Sends a whole request, head and body. */
  send(request: string): Promise<HttpAnswer> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#answer = Promise.withResolvers();
    this.#socket.write(request, "latin1");
    return this.#answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(text: string): void {
    this.#received = this.#received === "" ? text : this.#received + text;
    const answer = parseAnswer(this.#received);
    if (!answer) return;
    this.#received = "";
    const waiting = this.#answer;
    this.#answer = undefined;
    waiting?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#answer?.reject(this.#failure);
    this.#answer = undefined;
  }
}

/** The answer when all of it is there. */
function parseAnswer(text: string): HttpAnswer | undefined {
  const end = text.indexOf(headEnd);
  if (end < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const start = end + headEnd.length;
  const head = text.slice(0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const bytes = Number(length);
    if (text.length < start + bytes) return undefined;
    return { status, body: text.slice(start, start + bytes) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: "" };
  const body = joinChunks(text, start);
  return body === undefined ? undefined : { status, body };
}

function joinChunks(text: string, start: number): string | undefined {
  let body = "";
  for (let at = start; ; ) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) throw new Error("a chunk without a size");
    const next = line + 2 + size + 2;
    if (text.length < next) return undefined;
    if (size === 0) return body;
    body += text.slice(line + 2, line + 2 + size);
    at = next;
  }
}
