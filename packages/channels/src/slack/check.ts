import type { AccountCheck } from "@holdfast/core";
import { z } from "zod";
import type { ApiAnswer, SlackApi } from "./api.ts";
import { describeRefusal, isUnauthorized } from "./outcome.ts";

export interface CheckDependencies {
  readonly api: SlackApi;
  readonly botToken: () => string;
  /** In socket mode. */
  readonly appToken: (() => string) | undefined;
  /** In http mode. */
  readonly signingSecret: (() => string) | undefined;
}

const whoami = z.object({ user: z.string().optional(), team: z.string().optional() });
const scopesNeeded = ["chat:write"];
/** Any of them: without one nothing but mentions and commands comes in. */
const scopesOfHistory = ["im:history", "channels:history", "groups:history", "mpim:history"];

export async function checkAccount(
  dependencies: CheckDependencies,
  signal: AbortSignal,
): Promise<AccountCheck> {
  const { api, appToken, botToken, signingSecret } = dependencies;
  const bot = await ask(api, "auth.test", botToken, signal);
  const findings = bot.kind === "ok" ? [] : [`Bot token: ${wordsOf(bot)}`];
  let isRefused = isRefusal(bot);
  if (appToken !== undefined) {
    // Makes an address that nobody connects to; it expires by itself.
    const app = await ask(api, "apps.connections.open", appToken, signal);
    if (app.kind !== "ok") findings.push(`App-level token: ${wordsOf(app)}`);
    isRefused ||= isRefusal(app);
  }
  if (signingSecret !== undefined && readable(signingSecret) === undefined) {
    findings.push("Signing secret: it cannot be read, or is empty.");
    isRefused = true;
  }
  const state = { ok: findings.length === 0, ...(isRefused && { isAuthorized: false }) };
  if (bot.kind !== "ok") return { ...state, findings };
  const identity = nameIn(bot.body);
  return {
    ...state,
    ...(identity === undefined ? {} : { identity }),
    findings: [...findings, ...scopeFindings(bot.scopes)],
  };
}

type Asked = ApiAnswer | { readonly kind: "unreadable" };

async function ask(
  api: SlackApi,
  method: string,
  secret: () => string,
  signal: AbortSignal,
): Promise<Asked> {
  const token = readable(secret);
  return token === undefined ? { kind: "unreadable" } : await api.call({ token, method, signal });
}

/** The credentials do not work: what is away or too busy says nothing of them. */
function isRefusal(answer: Asked): boolean {
  return (
    answer.kind === "unreadable" || (answer.kind === "refused" && isUnauthorized(answer.error))
  );
}

function readable(secret: () => string): string | undefined {
  try {
    return secret() || undefined;
  } catch {
    return undefined;
  }
}

function wordsOf(answer: Exclude<Asked, { kind: "ok" }>): string {
  switch (answer.kind) {
    case "unreadable":
      return "it cannot be read, or is empty.";
    case "limited":
      return "Slack limits the rate; check again in a while.";
    case "refused": {
      const words = describeRefusal(answer.error, answer.needed);
      return isUnauthorized(answer.error)
        ? `${words} Install the app anew and set the new token.`
        : words;
    }
    default:
      return answer.reason;
  }
}

function nameIn(body: unknown): string | undefined {
  const read = whoami.safeParse(body);
  if (!read.success || read.data.user === undefined) return undefined;
  const { user, team } = read.data;
  return team === undefined ? user : `${user} in ${team}`;
}

function scopeFindings(scopes: readonly string[] | undefined): readonly string[] {
  // Slack tells the scopes in a header; gateways may leave it out.
  if (scopes === undefined) return [];
  const missing = scopesNeeded.filter((scope) => !scopes.includes(scope));
  const findings = missing.map((scope) => `The bot lacks the scope ${scope}.`);
  if (!scopesOfHistory.some((scope) => scopes.includes(scope))) {
    findings.push("The bot has no scope that ends with :history, so it sees no messages.");
  }
  return findings;
}
