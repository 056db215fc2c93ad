import type { Cancel, Clock, Random } from "@holdfast/core";
import { z } from "zod";
import { type GatewayEnd, endOfCode } from "./gateway-end.ts";
import { discordLimits } from "./limits.ts";

export interface GatewayOptions {
  readonly url: string;
  readonly token: string;
  readonly intents: number;
  /** Resumes it; without one a new session begins. */
  readonly resume: { readonly id: string; readonly seq: number } | undefined;
  /** The number that whoever comes after this node would resume from. */
  readonly keptSeq: () => number | null;
  readonly onDispatch: (dispatch: Dispatch) => void;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Dispatch {
  readonly seq: number;
  readonly type: string;
  readonly data: unknown;
  readonly chars: number;
}

export interface Gateway {
  readonly ended: Promise<GatewayEnd>;
  /** The session stays alive at Discord, and can be resumed. */
  close(reason: string): void;
}

const frame = z.looseObject({
  op: z.number(),
  d: z.unknown().optional(),
  s: z.number().nullish(),
  t: z.string().nullish(),
});
const hello = z.looseObject({ heartbeat_interval: z.number().min(1) });

const op = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
} as const;

/** 1000 and 1001 would end the session; any other code keeps it. */
const closeKeepingSession = 4200;

/**
 * One connection to the gateway. Its heartbeats name the last dispatch that is kept for the next owner and not
 * the last one that came, because Discord forgets what was acknowledged.
 */
export function connectGateway(options: GatewayOptions): Gateway {
  const { clock, random } = options;
  const socket = new WebSocket(addressOf(options.url));
  let isOver = false;
  let isAcknowledged = true;
  let cancelBeat: Cancel = () => {};
  let cancelWait: Cancel = () => {};
  const { promise: ended, resolve } = Promise.withResolvers<GatewayEnd>();

  const end = (result: GatewayEnd) => {
    if (isOver) return;
    isOver = true;
    cancelBeat();
    cancelWait();
    if (socket.readyState !== WebSocket.CLOSED) socket.close(closeKeepingSession);
    resolve(result);
  };
  const lost = (reason: string) => end({ kind: "lost", reason });
  const send = (code: number, data: unknown) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ op: code, d: data }));
  };
  const patience = (ms: number, reason: string) => {
    cancelWait();
    cancelWait = clock.schedule(ms, () => lost(reason));
  };

  const beat = (intervalMs: number) => {
    if (!isAcknowledged) return lost("The gateway does not answer heartbeats.");
    isAcknowledged = false;
    send(op.heartbeat, options.keptSeq());
    cancelBeat = clock.schedule(intervalMs, () => beat(intervalMs));
  };

  const start = (data: unknown) => {
    const parsed = hello.safeParse(data);
    if (!parsed.success) return lost("The gateway's first message cannot be read.");
    const intervalMs = parsed.data.heartbeat_interval;
    cancelBeat();
    cancelBeat = clock.schedule(intervalMs * random.next(), () => beat(intervalMs));
    patience(discordLimits.readyMs, "The gateway does not begin the session.");
    const { resume, token, intents } = options;
    if (resume !== undefined) {
      return send(op.resume, { token, session_id: resume.id, seq: resume.seq });
    }
    const properties = { os: process.platform, browser: "holdfast", device: "holdfast" };
    send(op.identify, { token, intents, properties });
  };

  const take = (text: string) => {
    const parsed = frame.safeParse(parseJson(text));
    if (!parsed.success) return lost("The gateway sent what cannot be read.");
    const { op: code, d: data, s: seq, t: type } = parsed.data;
    if (code === op.dispatch && typeof seq === "number" && typeof type === "string") {
      cancelWait();
      options.onDispatch({ seq, type, data, chars: text.length });
    } else if (code === op.hello) start(data);
    else if (code === op.heartbeatAck) isAcknowledged = true;
    else if (code === op.heartbeat) send(op.heartbeat, options.keptSeq());
    else if (code === op.reconnect)
      end({ kind: "asked", reason: "The gateway asks to reconnect." });
    else if (code === op.invalidSession && data !== true) {
      end({ kind: "session_over", reason: "The session cannot be resumed." });
    } else if (code === op.invalidSession) lost("The gateway refuses the session for now.");
  };

  patience(discordLimits.helloMs, "The gateway does not answer.");
  socket.addEventListener("message", (event) => {
    if (!isOver) take(typeof event.data === "string" ? event.data : "");
  });
  socket.addEventListener("error", () => lost("The connection to the gateway failed."));
  socket.addEventListener("close", (event) => end(endOfCode(event.code)));
  return { ended, close: lost };
}

function addressOf(base: string): string {
  const url = new URL(base);
  url.searchParams.set("v", "10");
  url.searchParams.set("encoding", "json");
  return url.href;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
