import { type AccountOptions, HoldfastError } from "@holdfast/core";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { Agent, request } from "undici";
import { codeOf } from "../http/json-client.ts";
import { connectTimeoutMs, eventChars, silenceMs } from "./limits.ts";
import { address, bearer } from "./rpc.ts";
import type { SignalSettings } from "./settings.ts";

/**
 * The daemon's events from one connection, in groups as they arrive. The next group is read when the
 * last one was taken. Ends when the connection ends. Errors: `account_unauthorized`, `channel_unavailable`.
 */
export async function* readStream(
  options: AccountOptions<SignalSettings>,
  lastEventId: string,
  signal: AbortSignal,
  opened: () => void,
): AsyncGenerator<readonly EventSourceMessage[]> {
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    allowH2: false,
  });
  const url = address(options.settings, "/api/v1/events");
  url.searchParams.set("account", options.settings.account);
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      signal,
      headers: {
        ...bearer(options),
        accept: "text/event-stream",
        "accept-encoding": "identity",
        "last-event-id": lastEventId,
      },
    });
    const isStream = /^text\/event-stream\b/i.test(String(headers["content-type"]));
    if (statusCode !== 200 || !isStream) {
      body.on("error", () => {}).destroy();
      throw refused(statusCode);
    }
    opened();
    yield* parseEvents(body as AsyncIterable<Uint8Array>);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("channel_unavailable", `The daemon's stream broke (${codeOf(error)}).`);
  } finally {
    await agent.destroy();
  }
}

async function* parseEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly EventSourceMessage[]> {
  let events: EventSourceMessage[] = [];
  let trouble: Error | undefined;
  const parser = createParser({
    maxBufferSize: eventChars,
    onEvent: (event) => void events.push(event),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") trouble = error;
    },
  });
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (events.length > 0) yield events;
    events = [];
    if (trouble !== undefined) {
      throw new HoldfastError("channel_unavailable", "An event of the daemon is too long.");
    }
  }
}

function refused(status: number): HoldfastError {
  if (status === 401 || status === 403) {
    const message = `The daemon's address refuses the token (${status}).`;
    return new HoldfastError("account_unauthorized", message);
  }
  if (status === 200) {
    const message = "What answers at the address is not a signal-cli daemon: it gives no events.";
    return new HoldfastError("channel_unavailable", message);
  }
  const why = status === 400 ? ": it does not have this account" : "";
  return new HoldfastError("channel_unavailable", `The daemon answered ${status}${why}.`);
}
