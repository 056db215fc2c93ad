import { randomUUID } from "node:crypto";
import { HoldfastError } from "@holdfast/core";
import type { Client, ConversationAddress } from "@holdfast/sdk";
import { conversationOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { commandLimits } from "../limits.ts";
import { isInteractive, printLine, styled } from "../output/terminal.ts";
import { printMessage } from "./history.ts";

export interface ChatOptions {
  readonly conversation?: string;
  readonly new?: boolean;
}

/** `holdfast chat ORG/AGENT`. */
export async function runChat(
  context: Context,
  address: string,
  options: ChatOptions,
): Promise<number> {
  if (options.new && options.conversation !== undefined) {
    throw new HoldfastError("usage", "Give either --new or --conversation ID.");
  }
  const fresh = options.new ? `cli-${randomUUID()}` : undefined;
  const to = conversationOf(address, options.conversation ?? fresh);
  const client = await context.client();
  // Tells at once when there is no such agent, or no node.
  const newest = await newestIndex(client, to);
  if (!isInteractive(context.terminal)) {
    const { pipedChat } = await import("../chat/piped-chat.ts");
    return pipedChat(context, client, to);
  }
  const { stdout } = context.terminal;
  const title = `${address}, conversation ${to.conversation}. /help says what you can do.`;
  printLine(stdout, styled(stdout, "bold", title));
  if (newest >= 0) {
    const after = Math.max(-1, newest - commandLimits.chatHistoryMessages);
    for await (const message of client.historyAll(to, { after })) {
      // What came meanwhile is shown live.
      if (message.index > newest) break;
      printMessage(stdout, message);
    }
  }
  const { liveChat } = await import("../chat/live-chat.ts");
  return liveChat(context, client, to, newest);
}

/** Index of the newest message, -1 for a conversation that has not begun. */
async function newestIndex(client: Client, of: ConversationAddress): Promise<number> {
  try {
    return (await client.history(of, { limit: 1 })).newest;
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError) || thrown.code !== "conversation_not_found")
      throw thrown;
    await client.get({ kind: "Agent", organization: of.organization, name: of.agent });
    return -1;
  }
}
