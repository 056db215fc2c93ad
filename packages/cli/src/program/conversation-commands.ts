import type { Command } from "commander";
import type { ChatOptions } from "../commands/chat.ts";
import type { SendOptions } from "../commands/send.ts";
import type { Run } from "./run.ts";

/** chat, send, history. */
export function addConversationCommands(program: Command, run: Run): void {
  program
    .command("chat")
    .description("talk to an agent; with piped input each line is a message")
    .argument("<org/agent>")
    .option("-c, --conversation <id>", "the conversation (default: your own with this agent)")
    .option("--new", "begin a new conversation")
    .action((address: string, options: ChatOptions) =>
      run(async (context) => {
        const { runChat } = await import("../commands/chat.ts");
        return runChat(context, address, options);
      }),
    );

  program
    .command("send")
    .description("send one message and print the answer")
    .argument("<org/agent>")
    .argument("[text...]")
    .option("-c, --conversation <id>", "the conversation (default: your own with this agent)")
    .option("--key <key>", "Idempotency-Key: the same key takes effect once")
    .option("--wait <seconds>", "longest wait for the answer (default: 120)")
    .option("--no-wait", "only until the message is durable; prints its id")
    .option("-f, --file <file>", "read the text from a file, or - for the standard input")
    .action((address: string, words: string[], options: SendOptions) =>
      run(async (context) => {
        const { runSend } = await import("../commands/send.ts");
        return runSend(context, address, words, options);
      }),
    );

  program
    .command("history")
    .description("print a conversation, oldest message first")
    .argument("<org/agent>")
    .argument("[conversation]", "its id (default: your own with this agent)")
    .option("--after <index>", "only messages with a higher index")
    .action((address: string, conversation: string | undefined, options: { after?: string }) =>
      run(async (context) => {
        const { runHistory } = await import("../commands/history.ts");
        return runHistory(context, address, conversation, options);
      }),
    );
}
