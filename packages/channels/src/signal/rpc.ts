import type { AccountOptions } from "@holdfast/core";
import { z } from "zod";
import { JsonClient, type HttpResult } from "../http/json-client.ts";
import { answerBytes, requestTimeoutMs } from "./limits.ts";
import type { SignalSettings } from "./settings.ts";

export type RpcResult =
  | { readonly type: "result"; readonly result: unknown }
  | {
      readonly type: "error";
      readonly code: number;
      readonly message: string;
      readonly data: unknown;
    }
  /** An answer that is not the daemon's, of something before it. */
  | { readonly type: "status"; readonly status: number }
  | Exclude<HttpResult, { type: "answered" }>;

const answerSchema = z.union([
  z.object({
    error: z.object({ code: z.int(), message: z.string().nullish(), data: z.unknown().optional() }),
  }),
  z.object({ jsonrpc: z.literal("2.0"), result: z.unknown().optional() }),
]);

/** JSON-RPC with the daemon. Errors: `account_unauthorized` when the token cannot be read. */
export class Rpc {
  readonly #options: AccountOptions<SignalSettings>;
  readonly #client: JsonClient;
  #calls = 0;

  constructor(options: AccountOptions<SignalSettings>, bytes = answerBytes) {
    this.#options = options;
    this.#client = new JsonClient({ timeoutMs: requestTimeoutMs, answerBytes: bytes });
  }

  async call(
    method: string,
    params: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<RpcResult> {
    this.#calls += 1;
    const result = await this.#client.request({
      method: "POST",
      url: address(this.#options.settings, "/api/v1/rpc").href,
      headers: bearer(this.#options),
      body: { jsonrpc: "2.0", id: String(this.#calls), method, params },
      signal,
    });
    if (result.type !== "answered") return result;
    const answer = answerSchema.safeParse(result.json);
    if (!answer.success) return { type: "status", status: result.status };
    if (!("error" in answer.data)) return { type: "result", result: answer.data.result };
    const { code, message, data } = answer.data.error;
    return { type: "error", code, message: message ?? "", data };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

export function address(settings: SignalSettings, path: string): URL {
  const url = new URL(settings.url);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url;
}

/** Errors: `account_unauthorized`. */
export function bearer(options: AccountOptions<SignalSettings>): Record<string, string> {
  const { token } = options.settings;
  return token === undefined ? {} : { authorization: `Bearer ${options.secret(token)}` };
}
