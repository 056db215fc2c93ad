import type { AccountOptions } from "@holdfast/core";
import { type HttpResult, JsonClient } from "../http/json-client.ts";
import { answerBytes, requestTimeoutMs } from "./limits.ts";
import type { WhatsAppSettings } from "./settings.ts";

/** The few calls of Meta's Graph API that an account needs. */
export class Graph {
  readonly #options: AccountOptions<WhatsAppSettings>;
  readonly #client = new JsonClient({ timeoutMs: requestTimeoutMs, answerBytes });

  constructor(options: AccountOptions<WhatsAppSettings>) {
    this.#options = options;
  }

  /** Errors: `account_unauthorized` when the token cannot be read. */
  token(): string {
    return this.#options.secret(this.#options.settings.accessToken);
  }

  async get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const search = new URLSearchParams(query).toString();
    return await this.#call("GET", search === "" ? path : `${path}?${search}`, undefined, signal);
  }

  async post(path: string, body: unknown, signal: AbortSignal) {
    return await this.#call("POST", path, body, signal);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<HttpResult> {
    return await this.#client.request({
      method,
      url: `${this.#options.settings.apiUrl.replace(/\/+$/, "")}/${path}`,
      headers: { authorization: `Bearer ${this.token()}` },
      body,
      signal,
    });
  }
}
