import type { AccountOptions } from "@holdfast/core";
import { Agent, request } from "undici";
import { z } from "zod";
import { discordLimits } from "./limits.ts";
import type { DiscordSettings } from "./settings.ts";

export interface RestRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** Behind the API's base, with a slash at the beginning. */
  readonly path: string;
  readonly body?: unknown;
}

/** `own`: the body is JSON as Discord writes it, and not a page of something in between. */
export interface RestAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly own: boolean;
}

/** `not_sent`: surely. `uncertain`: the request may have taken effect. */
export interface RestTrouble {
  readonly kind: "not_sent" | "uncertain";
  readonly reason: string;
}

export interface Rest {
  /** One try. Errors: `account_unauthorized` when the token cannot be read. */
  ask(request: RestRequest, signal: AbortSignal): Promise<RestAnswer | RestTrouble>;
  close(): Promise<void>;
}

const userAgent = "DiscordBot (https://holdfast.example.org, 0.1.0)";

/** What cannot happen after the first byte of a request was written. */
const beforeWriting =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/;

const errorBody = z.looseObject({ message: z.string() });

export function createRest(options: AccountOptions<DiscordSettings>): Rest {
  const { settings, secret, clock } = options;
  const base = settings.apiUrl.replace(/\/+$/, "");
  const agent = new Agent({
    connect: { timeout: discordLimits.connectMs },
    headersTimeout: discordLimits.requestMs,
    bodyTimeout: discordLimits.requestMs,
    maxHeaderSize: 32 * 1024,
  });

  const exchange = async (asked: RestRequest, signal: AbortSignal): Promise<RestAnswer> => {
    const token = secret(settings.token);
    const answer = await request(base + asked.path, {
      dispatcher: agent,
      method: asked.method,
      signal,
      headers: {
        authorization: `Bot ${token}`,
        "user-agent": userAgent,
        ...(asked.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    });
    const text = await readLimited(answer.body);
    const body = parseJson(text);
    const own =
      answer.statusCode < 400
        ? body !== undefined || text === ""
        : errorBody.safeParse(body).success;
    return {
      kind: "answer",
      status: answer.statusCode,
      headers: answer.headers,
      body,
      own,
    };
  };

  return {
    async ask(asked, signal) {
      if (signal.aborted) return { kind: "not_sent", reason: "The node is stopping." };
      // Read before anything else, so that an unreadable secret is not taken for trouble of the network.
      secret(settings.token);
      const timeout = new AbortController();
      const cancel = clock.schedule(discordLimits.requestMs, () => timeout.abort());
      try {
        return await exchange(asked, AbortSignal.any([signal, timeout.signal]));
      } catch (error) {
        if (timeout.signal.aborted) {
          return { kind: "uncertain", reason: "Discord did not answer in time." };
        }
        if (signal.aborted) return { kind: "uncertain", reason: "The request was interrupted." };
        const code = codeOf(error);
        return beforeWriting.test(code)
          ? { kind: "not_sent", reason: `Discord cannot be reached (${code}).` }
          : { kind: "uncertain", reason: `The connection to Discord broke (${code}).` };
      } finally {
        cancel();
      }
    },
    close: () => agent.destroy(),
  };
}

/** Never the error's message: it may quote what was sent. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return "unknown error";
}

async function readLimited(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > discordLimits.answerBytes) throw new Error("The answer is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
