import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { commandLimits } from "../limits.ts";
import { homeFolder } from "../settings.ts";

/** The lines typed in earlier chats, oldest first; none when they cannot be read. */
export async function readLineHistory(env: NodeJS.ProcessEnv): Promise<string[]> {
  try {
    const text = await readFile(historyFile(env), "utf8");
    return text.split("\n").filter((line) => line !== "");
  } catch {
    return []; // A convenience: without it a chat is as good.
  }
}

/** Keeps the newest lines for the next chat, readable for their author only. */
export async function writeLineHistory(
  env: NodeJS.ProcessEnv,
  lines: readonly string[],
): Promise<void> {
  const kept = lines.filter((line) => line !== "").slice(-commandLimits.chatInputLines);
  try {
    await mkdir(homeFolder(env), { recursive: true, mode: 0o700 });
    await writeFile(historyFile(env), `${kept.join("\n")}\n`, { mode: 0o600 });
  } catch {
    // As above: a read-only home must not end a chat with an error.
  }
}

function historyFile(env: NodeJS.ProcessEnv): string {
  return path.join(homeFolder(env), "chat-lines");
}
