import type { Clock } from "@holdfast/core";
import { z } from "zod";
import type { ApiAnswer, SlackApi } from "./api.ts";
import { slackLimits } from "./limits.ts";

/** Who the account is in its workspace. */
export interface Identity {
  readonly userId: string;
  readonly botId?: string;
}

/** What Slack tells of users: kept in memory, asked for in a short time, and done without when it fails. */
export interface Directory {
  /** Undefined when Slack does not tell. */
  identity(signal?: AbortSignal): Promise<Identity | undefined>;
  /** The names that are to be had. */
  names(users: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

interface KeptName {
  readonly name: string | undefined;
  readonly until: number;
}

const identityBody = z.object({ user_id: z.string().min(1), bot_id: z.string().optional() });
const userBody = z.object({
  user: z.object({
    name: z.string().optional(),
    real_name: z.string().optional(),
    profile: z.object({ display_name: z.string().optional() }).optional(),
  }),
});
const never = new AbortController().signal;

export function createDirectory(api: SlackApi, token: () => string, clock: Clock): Directory {
  let known: { readonly token: string; readonly identity: Identity } | undefined;
  const kept = new Map<string, KeptName>();

  async function nameOf(user: string, signal: AbortSignal): Promise<string | undefined> {
    const found = kept.get(user);
    if (found !== undefined && clock.monotonic() < found.until) return found.name;
    const answer = await api.call({
      token: token(),
      method: "users.info",
      args: { user },
      signal,
      timeoutMs: slackLimits.nameTimeoutMs,
    });
    const name = nameIn(answer);
    const keepMs = name === undefined ? slackLimits.nameRetryMs : slackLimits.nameAgeMs;
    kept.delete(user);
    kept.set(user, { name, until: clock.monotonic() + keepMs });
    const oldest = kept.keys().next();
    if (kept.size > slackLimits.namesKept && oldest.done !== true) kept.delete(oldest.value);
    return name;
  }

  return {
    async identity(signal = never) {
      const present = secretOrNothing(token);
      if (present === undefined) return undefined;
      if (known?.token === present) return known.identity;
      const answer = await api.call({
        token: present,
        method: "auth.test",
        signal,
        timeoutMs: slackLimits.identityTimeoutMs,
      });
      const identity = identityIn(answer);
      if (identity !== undefined) known = { token: present, identity };
      return identity;
    },
    async names(users, signal = never) {
      const asked = users.slice(0, slackLimits.namesPerMessage);
      if (asked.length === 0 || secretOrNothing(token) === undefined) return new Map();
      const found = await Promise.all(
        asked.map(async (user) => [user, await nameOf(user, signal)] as const),
      );
      return new Map(found.flatMap(([user, name]) => (name === undefined ? [] : [[user, name]])));
    },
  };
}

function identityIn(answer: ApiAnswer): Identity | undefined {
  if (answer.kind !== "ok") return undefined;
  const body = identityBody.safeParse(answer.body);
  if (!body.success) return undefined;
  const { user_id: userId, bot_id: botId } = body.data;
  return { userId, ...(botId === undefined ? {} : { botId }) };
}

function nameIn(answer: ApiAnswer): string | undefined {
  if (answer.kind !== "ok") return undefined;
  const body = userBody.safeParse(answer.body);
  if (!body.success) return undefined;
  const { name, real_name: realName, profile } = body.data.user;
  return profile?.display_name || realName || name || undefined;
}

/** Without its token the account still receives; its sends say what is wrong. */
function secretOrNothing(token: () => string): string | undefined {
  try {
    return token();
  } catch {
    return undefined;
  }
}
