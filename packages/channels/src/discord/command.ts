import { HoldfastError, toHoldfastError } from "@holdfast/core";
import type { Read } from "./reader.ts";
import type { DiscordSettings } from "./settings.ts";

const chatInput = 1;
const optionString = 3;

/**
 * Makes the slash command known; the same name replaces the one before. Errors: `account_unauthorized`;
 * other trouble is reported, because messages arrive without the command, too.
 */
export async function registerCommand(
  interactions: NonNullable<DiscordSettings["interactions"]>,
  read: Read,
  report: (error: HoldfastError, where: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const body = {
    name: interactions.command,
    type: chatInput,
    description: "Ask the agent",
    options: [{ type: optionString, name: "text", description: "What to say", required: true }],
  };
  const path = `/applications/${interactions.applicationId}/commands`;
  try {
    const answer = await read({ method: "POST", path, body }, signal);
    if (answer.status < 300) return;
    const words = `Discord refuses the slash command (${answer.status}).`;
    report(new HoldfastError("channel_unavailable", words), "discord command");
  } catch (error) {
    const fault = toHoldfastError(error);
    if (fault.code === "account_unauthorized") throw fault;
    if (!signal.aborted) report(fault, "discord command");
  }
}
