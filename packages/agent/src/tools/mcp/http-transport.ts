import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { boundedFetch } from "./bounded-fetch.ts";

type SendOptions = Parameters<StreamableHTTPClientTransport["send"]>[1];

/** JSON-RPC error code, of the range left to implementations, for a stream that ended without the answer. */
export const lostAnswerErrorCode = -32_078;

/**
 * Streamable HTTP that holds nothing beyond its limits and notices when the stream of an answer ends
 * without it: the protocol client alone would wait for its timeout.
 */
export class HttpTransport extends StreamableHTTPClientTransport {
  readonly #waiting = new Set<RequestId>();

  constructor(url: URL, headers: Readonly<Record<string, string>>) {
    super(url, { requestInit: { headers }, fetch: boundedFetch });
  }

  /** To be called once when the protocol client is connected and has set its handlers. */
  watchAnswers(): void {
    const deliver = this.onmessage;
    this.onmessage = (message) => {
      const isAnswer = isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message);
      if (isAnswer && message.id !== undefined) this.#waiting.delete(message.id);
      deliver?.(message);
    };
  }

  override async send(
    message: JSONRPCMessage | JSONRPCMessage[],
    options?: SendOptions,
  ): Promise<void> {
    if (Array.isArray(message) || !isJSONRPCRequest(message)) return super.send(message, options);
    const { id } = message;
    this.#waiting.add(id);
    options?.requestSignal?.addEventListener("abort", () => this.#waiting.delete(id));
    const onRequestStreamEnd = () => {
      options?.onRequestStreamEnd?.();
      if (!this.#waiting.delete(id)) return;
      const error = { code: lostAnswerErrorCode, message: "The stream ended without the answer." };
      this.onmessage?.({ jsonrpc: "2.0", id, error });
    };
    try {
      await super.send(message, { ...options, onRequestStreamEnd });
    } catch (error) {
      this.#waiting.delete(id);
      throw error;
    }
  }
}
