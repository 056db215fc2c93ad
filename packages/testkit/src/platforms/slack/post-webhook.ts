import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import type { Payload } from "./events.ts";

/** Slack's own limit. */
const acknowledgeWithinMs = 3_000;

export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As Slack signs and encodes it. `at` in seconds since 1970; now when absent. */
export function signedRequest(
  payload: Payload,
  signingSecret: string,
  at = Math.floor(Date.now() / 1_000),
): SignedRequest {
  const { body, type } = encodedBody(payload);
  const signature = createHmac("sha256", signingSecret).update(`v0:${at}:${body}`).digest("hex");
  return {
    headers: {
      "content-type": type,
      "x-slack-request-timestamp": String(at),
      "x-slack-signature": `v0=${signature}`,
      "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
    },
    body,
  };
}

/** The reason why Slack would send it again; undefined when it was acknowledged. */
export async function postWebhook(
  url: string,
  { headers, body }: SignedRequest,
  options: {
    readonly ca: string | undefined;
    readonly isSlow: boolean;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  const bytes = Buffer.from(body);
  const { ca, isSlow, signal } = options;
  return await new Promise((resolve) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const posted = send(
      url,
      {
        method: "POST",
        headers: { ...headers, "content-length": bytes.byteLength },
        signal,
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        response.on("error", () => resolve("connection_failed"));
        response.on("end", () => resolve(status >= 200 && status < 300 ? undefined : "http_error"));
      },
    );
    posted.setTimeout(acknowledgeWithinMs, () => {
      resolve("http_timeout");
      posted.destroy();
    });
    posted.on("error", () => resolve("connection_failed"));
    if (!isSlow) return void posted.end(bytes);
    void writeSlowly(bytes, (part) => posted.write(part)).then(() => posted.end());
  });
}

/** In four pieces over a second. */
export async function writeSlowly(
  bytes: Uint8Array,
  write: (part: Uint8Array) => void,
): Promise<void> {
  const piece = Math.ceil(bytes.byteLength / 4);
  for (let at = 0; at < bytes.byteLength; at += piece) {
    write(bytes.subarray(at, at + piece));
    await pause(250);
  }
}

function encodedBody({ type, body }: Payload): { readonly body: string; readonly type: string } {
  if (type === "events_api") return { body: JSON.stringify(body), type: "application/json" };
  const fields =
    type === "interactive"
      ? { payload: JSON.stringify(body) }
      : Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]));
  return {
    body: new URLSearchParams(fields).toString(),
    type: "application/x-www-form-urlencoded",
  };
}
