import { type ConversationEvent, HoldfastError, type StoredMessage } from "@holdfast/core";
import { createEventParser, type ServerSentEvent } from "./event-parser.ts";
import { errorFromEvent } from "./errors.ts";
import type { Http } from "./http.ts";
import { clientLimits } from "./limits.ts";
import { pause } from "./retry.ts";
import type { WatchEvent } from "./types.ts";

export interface WatchSettings {
  readonly signal: AbortSignal;
  readonly heartbeatTimeoutMs: number;
  readonly reconnectMinMs: number;
}

/**
 * Reads an event stream until the signal ends it, reconnecting with Last-Event-ID. It reads only as
 * fast as its consumer asks, so nothing is buffered beyond one piece of the network: a consumer that is
 * too slow is dropped by the node at its own limit, reconnects and is told what it missed.
 * Errors: those that a repeat does not mend (`unauthenticated`, `agent_not_found`, …).
 */
export async function* watch(
  http: Http,
  path: string,
  settings: WatchSettings,
): AsyncGenerator<WatchEvent, void, undefined> {
  let lastEventId: string | undefined;
  let failures = 0;
  while (!settings.signal.aborted) {
    let reason = "the stream ended";
    try {
      for await (const item of readOnce(http, path, lastEventId, settings)) {
        if (item.id !== undefined) lastEventId = item.id;
        failures = 0;
        yield item.event;
      }
    } catch (thrown) {
      if (settings.signal.aborted) return;
      if (!(thrown instanceof HoldfastError) || thrown.retry === "never") throw thrown;
      reason = thrown.message;
    }
    if (settings.signal.aborted) return;
    failures += 1;
    const retryMs = reconnectDelayMs(failures, settings.reconnectMinMs);
    yield { type: "disconnected", reason, retryMs };
    try {
      await pause(retryMs, settings.signal);
    } catch {
      return; // Only the signal ends a pause early: the watch is over.
    }
  }
}

interface Item {
  readonly id: string | undefined;
  readonly event: WatchEvent;
}

async function* readOnce(
  http: Http,
  path: string,
  lastEventId: string | undefined,
  settings: WatchSettings,
): AsyncGenerator<Item, void, undefined> {
  const silence = new AbortController();
  const signal = AbortSignal.any([settings.signal, silence.signal]);
  // Runs only while the network is waited for: the consumer's time is not the node's silence.
  const waitFor = async <Value>(network: Promise<Value>): Promise<Value> => {
    const timer = setTimeout(() => silence.abort(), settings.heartbeatTimeoutMs);
    try {
      return await network;
    } finally {
      clearTimeout(timer);
    }
  };
  const headers = {
    accept: "text/event-stream",
    ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
  };
  try {
    const response = await waitFor(http.open(path, headers, signal));
    if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
      await response.body?.cancel();
      throw new HoldfastError("not_found", `No event stream stands at ${http.url}${path}.`);
    }
    yield { id: undefined, event: { type: "connected" } };
    const parse = createEventParser();
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (;;) {
        const piece = await waitFor(pieces.read());
        if (piece.done) return;
        for (const received of parse(piece.value)) {
          const event = watchEvent(received);
          if (event) yield { id: received.id, event };
        }
      }
    } finally {
      await pieces.cancel().catch(() => undefined); // Broken already: nothing is left to free.
    }
  } catch (thrown) {
    if (settings.signal.aborted || thrown instanceof HoldfastError) throw thrown;
    const reason = silence.signal.aborted
      ? `no event and no heartbeat for ${settings.heartbeatTimeoutMs} ms`
      : "the connection broke";
    throw new HoldfastError("node_unreachable", reason, { cause: thrown });
  }
}

/**
 * Unknown events of a newer node are passed over. Errors: `node_unreachable` for broken data,
 * and the error that the node ended the stream with.
 */
function watchEvent(received: ServerSentEvent): WatchEvent | undefined {
  if (received.event === "error") throw errorFromEvent(received.data);
  if (!knownEvents.has(received.event)) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(received.data);
  } catch (cause) {
    throw new HoldfastError("node_unreachable", "the stream holds broken data", { cause });
  }
  if (received.event === "message") return { type: "message", message: data as StoredMessage };
  return data as ConversationEvent;
}

const knownEvents = new Set(["started", "delta", "tool", "committed", "failed", "message"]);

function reconnectDelayMs(failures: number, minMs: number): number {
  const ceiling = Math.min(clientLimits.reconnectMaxMs, minMs * 2 ** Math.min(failures - 1, 10));
  return ceiling * (0.5 + 0.5 * Math.random());
}
