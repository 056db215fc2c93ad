import {
  type AccountOptions,
  delay,
  HoldfastError,
  type Inbound,
  toHoldfastError,
} from "@holdfast/core";
import { z } from "zod";
import { createDispatches } from "./dispatches.ts";
import type { GatewayEnd } from "./gateway-end.ts";
import { intentsOf } from "./intents.ts";
import { discordLimits } from "./limits.ts";
import { createMissed } from "./missed.ts";
import { createPlaces } from "./places.ts";
import { type Progress, readProgress } from "./progress.ts";
import type { Read } from "./reader.ts";
import { createSaver, type Saver } from "./saver.ts";
import { runSession } from "./session.ts";
import type { DiscordSettings } from "./settings.ts";

const gatewayBot = z.looseObject({
  url: z.url({ protocol: /^wss?$/ }),
  session_start_limit: z.looseObject({ remaining: z.number(), reset_after: z.number() }).optional(),
});

type Options = AccountOptions<DiscordSettings>;

/** Codes after which no further try from here makes sense. */
const final = new Set(["ownership_lost", "account_unauthorized"]);

/** Listens to the gateway until the signal aborts, resuming the session of whoever did before. */
export async function receiveGateway(
  options: Options,
  read: Read,
  inbound: Inbound,
  outer: AbortSignal,
): Promise<void> {
  const { clock, random } = options;
  const progress = readProgress(inbound.cursor);
  const lost = new AbortController();
  const signal = AbortSignal.any([outer, lost.signal]);
  const saver = createSaver(inbound, progress, clock, (error) => lost.abort(error));
  const places = createPlaces(read);
  const guilds = new Set<string>();
  const ending = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ending.resolve(), { once: true });
  let failures = 0;
  let identifiedAt = Number.NEGATIVE_INFINITY;

  const connect = async (): Promise<GatewayEnd> => {
    // The session's own address may be gone for good; the session is known at the others, too.
    const own = failures < discordLimits.ownAddressTries ? progress.session?.url : undefined;
    const url = own ?? (await findGateway(options, read, signal));
    if (progress.session === undefined) {
      const since = clock.monotonic() - identifiedAt;
      await delay(clock, Math.max(0, discordLimits.identifyPauseMs - since), signal);
      identifiedAt = clock.monotonic();
    }
    if (signal.aborted) return { kind: "lost", reason: "The receiver ends." };
    const fetchMissed = createMissed({ read, places, inbound, progress, report: options.report });
    const onReady = async () => {
      // A next owner that does not know of the session could never get what comes to it.
      await saver.flush();
      failures = 0;
      inbound.connected();
    };
    const dispatches = createDispatches({
      places,
      progress,
      guilds,
      fetchMissed,
      clock,
      gatewayUrl: url,
      onReady,
    });
    const token = options.secret(options.settings.token);
    const intents = intentsOf(options.settings);
    return await runSession(
      {
        connection: { url, token, intents, keptSeq: () => saver.keptSeq(), clock, random },
        dispatches,
        inbound,
        progress,
        onProgress: () => saver.touch(),
        clock,
      },
      signal,
    );
  };

  try {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      // Another owner may have resumed the session: then it must not be taken back.
      if (!isFirst) await Promise.race([saver.confirm().catch(throwFinal), ending.promise]);
      if (signal.aborted) break;
      const end = await connect().catch((error: unknown): GatewayEnd => {
        const fault = toHoldfastError(error);
        if (final.has(fault.code)) throw fault;
        if (!signal.aborted) options.report(fault, "discord gateway");
        inbound.disconnected(fault.message);
        return { kind: "lost", reason: fault.message };
      });
      if (signal.aborted) break;
      // One end is usual, and resumed at once.
      if (failures > 0) inbound.disconnected(end.reason);
      failures = await rest(end, { progress, failures, options, signal });
    }
    if (lost.signal.aborted) throw toHoldfastError(lost.signal.reason);
  } finally {
    await endSaving(saver, options, lost.signal.aborted);
  }
}

/** Waits as the connection's end asks for; the result counts the failures in a row. */
async function rest(
  end: GatewayEnd,
  state: { progress: Progress; failures: number; options: Options; signal: AbortSignal },
): Promise<number> {
  const { clock, random, report } = state.options;
  if (state.failures + 1 === discordLimits.quietFailures) {
    report(new HoldfastError("channel_unavailable", end.reason), "discord gateway");
  }
  switch (end.kind) {
    case "refused":
      throw new HoldfastError("account_unauthorized", end.reason);
    case "unusable":
      throw new HoldfastError("channel_unavailable", end.reason);
    case "session_over": {
      state.progress.session = undefined;
      await delay(clock, backoff(state.failures, random.next()), state.signal);
      return state.failures + 1;
    }
    case "asked":
      await delay(clock, discordLimits.reconnectMinMs * random.next(), state.signal);
      return state.failures + 1;
    case "lost":
      await delay(clock, backoff(state.failures, random.next()), state.signal);
      return state.failures + 1;
  }
}

/** Between half and all of a wait that doubles. */
function backoff(failures: number, chance: number): number {
  const { reconnectMinMs, reconnectMaxMs } = discordLimits;
  const wait = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(failures, 16));
  return wait * (0.5 + chance / 2);
}

async function findGateway(options: Options, read: Read, signal: AbortSignal): Promise<string> {
  const { gatewayUrl } = options.settings;
  if (gatewayUrl !== undefined) return gatewayUrl;
  const answer = await read({ method: "GET", path: "/gateway/bot" }, signal);
  const parsed = gatewayBot.safeParse(answer.body);
  if (!parsed.success) {
    throw new HoldfastError("channel_unavailable", "Discord does not name its gateway.");
  }
  const start = parsed.data.session_start_limit;
  if (start !== undefined && start.remaining <= 0) {
    const words = "Discord lets the bot begin no further session for now; it waits.";
    options.report(new HoldfastError("channel_unavailable", words), "discord gateway");
    await delay(options.clock, start.reset_after, signal);
  }
  return parsed.data.url;
}

function throwFinal(error: unknown): void {
  const fault = toHoldfastError(error);
  if (final.has(fault.code)) throw fault;
}

/** The last cursor, if it can be kept in time; else the next owner gets some events again. */
async function endSaving(saver: Saver, options: Options, isLost: boolean): Promise<void> {
  saver.stop();
  if (isLost) return;
  const saved = saver.flush().catch(() => {});
  await Promise.race([saved, delay(options.clock, discordLimits.endGraceMs)]);
}
