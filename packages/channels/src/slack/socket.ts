import { channel } from "node:diagnostics_channel";
import type { Cancel, Clock } from "@holdfast/core";
import { Agent, ping, WebSocket } from "undici";
import { z } from "zod";
import { slackLimits } from "./limits.ts";

/** One connection of socket mode. */
export interface SlackSocket {
  /** Slack said `hello`: from now on it delivers. Rejects when the connection ends before. */
  readonly ready: Promise<void>;
  /** Slack wants another connection soon; never when the connection just ends. */
  readonly goingAway: Promise<string>;
  readonly closed: Promise<void>;
  /** Whether anything was delivered over it. */
  readonly isUsed: boolean;
  close(): void;
}

export interface Envelope {
  readonly type: string;
  readonly payload: unknown;
  /** Tells Slack that it is durable here; nothing when the connection is gone. */
  acknowledge(): void;
}

const message = z.looseObject({
  type: z.string(),
  envelope_id: z.string().optional(),
  payload: z.unknown().optional(),
  reason: z.string().optional(),
});
const pings = channel("undici:websocket:ping");
const pongs = channel("undici:websocket:pong");

/**
 * `url` holds a ticket: it is neither kept nor told. Slack's own client for socket mode is not used: told
 * to go, it closes its connection before it opens the next one, and acknowledgements that are still owed
 * are lost with it. undici's WebSocket, unlike Node's global one, can ping, which finds dead connections.
 */
export function openSocket(
  url: string,
  clock: Clock,
  onEnvelope: (envelope: Envelope) => void,
): SlackSocket {
  const ready = Promise.withResolvers<void>();
  const goingAway = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  const agent = new Agent({
    allowH2: false,
    connect: { timeout: slackLimits.connectTimeoutMs },
    webSocket: { maxPayloadSize: slackLimits.socketMessageBytes },
  });
  const socket = new WebSocket(url, { dispatcher: agent });
  let isClosed = false;
  let isUsed = false;
  let heardAt = clock.monotonic();
  let cancel: Cancel = clock.schedule(slackLimits.helloTimeoutMs, () => close());

  // A half-open connection looks idle, so silence is ended by asking.
  const watch = () => {
    if (isClosed) return;
    if (clock.monotonic() - heardAt >= slackLimits.silenceMs) return close();
    ping(socket);
    cancel = clock.schedule(slackLimits.pingMs, watch);
  };
  // The library tells frames of all its sockets here.
  const onFrame = (frame: unknown) => {
    if (typeof frame === "object" && frame !== null && "websocket" in frame) {
      if (frame.websocket === socket) heardAt = clock.monotonic();
    }
  };
  pings.subscribe(onFrame);
  pongs.subscribe(onFrame);

  const close = () => {
    if (isClosed) return;
    isClosed = true;
    cancel();
    pings.unsubscribe(onFrame);
    pongs.unsubscribe(onFrame);
    ready.reject(new Error("The connection ended before Slack said hello."));
    closed.resolve();
    // The frame goes out first; a peer that does not answer it is not waited for.
    if (socket.readyState === WebSocket.OPEN) socket.close(1000);
    clock.soon(() => void agent.destroy());
  };
  const acknowledge = (id: string) => {
    if (!isClosed && socket.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ envelope_id: id }));
    }
  };

  socket.addEventListener("message", ({ data }) => {
    heardAt = clock.monotonic();
    const read = message.safeParse(typeof data === "string" ? parsed(data) : undefined);
    if (isClosed || !read.success) return;
    const { type, envelope_id: id, payload, reason } = read.data;
    if (type === "hello") {
      cancel();
      watch();
      ready.resolve();
    } else if (type === "disconnect") {
      goingAway.resolve(reason ?? "unknown");
    } else if (id !== undefined) {
      isUsed = true;
      onEnvelope({ type, payload, acknowledge: () => acknowledge(id) });
    }
  });
  socket.addEventListener("error", close);
  socket.addEventListener("close", close);
  return {
    ready: ready.promise,
    goingAway: goingAway.promise,
    closed: closed.promise,
    get isUsed() {
      return isUsed;
    },
    close,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
