import type { AccountCheck } from "@holdfast/core";
import { z } from "zod";
import { outcomeOf } from "./outcome.ts";
import type { Rest } from "./rest.ts";
import type { DiscordSettings } from "./settings.ts";

const me = z.looseObject({ id: z.string(), username: z.string() });
const application = z.looseObject({
  id: z.string(),
  verify_key: z.string().optional(),
  flags: z.number().optional(),
  interactions_endpoint_url: z.string().nullish(),
});
type Application = z.infer<typeof application>;

/** The switch for verified bots, and for those in few servers. */
const messageContentFlags = (1 << 18) | (1 << 19);
const intentIsOff =
  "Message Content Intent is off: switch it on under Bot in the developer portal, or set messageContent to false.";

/** Who the token belongs to, and whether the developer portal's switches fit the settings. */
export async function checkAccount(
  rest: Rest,
  settings: DiscordSettings,
  signal: AbortSignal,
): Promise<AccountCheck> {
  try {
    const answer = await rest.ask({ method: "GET", path: "/users/@me" }, signal);
    const user = me.safeParse(answer.kind === "answer" ? answer.body : undefined);
    if (answer.kind !== "answer" || answer.status !== 200 || !user.success) {
      const outcome = outcomeOf(answer);
      const reason = "reason" in outcome ? outcome.reason : "Discord's answer cannot be read.";
      const remedy =
        outcome.outcome === "unauthorized"
          ? " Copy the token anew from Bot in the developer portal."
          : "";
      return { ok: false, findings: [reason + remedy] };
    }
    const identity = `${user.data.username} (${user.data.id})`;
    const asked = await rest.ask({ method: "GET", path: "/applications/@me" }, signal);
    const app = application.safeParse(asked.kind === "answer" ? asked.body : undefined);
    if (!app.success) {
      return { ok: true, identity, findings: ["The application's settings could not be read."] };
    }
    const isAuthorized = hasIntents(app.data, settings);
    const findings = [...(isAuthorized ? [] : [intentIsOff]), ...faultsOf(app.data, settings)];
    return { ok: findings.length === 0, isAuthorized, identity, findings };
  } catch {
    return { ok: false, findings: ["The bot's token cannot be read: check its variable or file."] };
  }
}

/** Without them the gateway refuses the bot, as it does without its token. */
function hasIntents({ flags = 0 }: Application, settings: DiscordSettings): boolean {
  return !settings.gateway || !settings.messageContent || (flags & messageContentFlags) !== 0;
}

function faultsOf(app: Application, { interactions }: DiscordSettings): readonly string[] {
  const faults: string[] = [];
  if (interactions === undefined) return faults;
  if (interactions.applicationId !== app.id) {
    faults.push(`The bot belongs to application ${app.id}, not ${interactions.applicationId}.`);
  }
  if (
    app.verify_key !== undefined &&
    app.verify_key.toLowerCase() !== interactions.publicKey.toLowerCase()
  ) {
    faults.push("The public key is not the application's: copy it from General Information.");
  }
  if (!app.interactions_endpoint_url) {
    faults.push(
      "The application has no Interactions Endpoint URL: enter the account's webhook address under General Information.",
    );
  }
  return faults;
}
