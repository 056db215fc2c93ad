import type { ActiveConversation } from "./active-conversation.ts";
import type { HandledInput } from "./conversation-state.ts";
import type { Waiting } from "./mailbox.ts";

/** How the journal names inputs that are done. */
export function handledInputs(
  { mailbox }: ActiveConversation,
  inputs: readonly Waiting[],
): readonly HandledInput[] {
  return inputs.map((input) => handledInput(input, mailbox.isEarly(input, inputs)));
}

function handledInput({ message, at }: Waiting, isEarly: boolean): HandledInput {
  return {
    id: message.id,
    at,
    ...(isEarly && { early: true }),
    ...(message.fingerprint !== undefined && { fingerprint: message.fingerprint }),
  };
}
