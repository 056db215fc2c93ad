import type { Agent } from "@holdfast/core";
import { clamp } from "./providers.ts";
import type { Section } from "./section.ts";

/** OpenClaw's own quiet window before a collected turn, in milliseconds. */
const openclawDebounceMs = 500;

/** Reads `messages.queue`; it holds for every agent. */
export function readQueue(messages: Section | undefined): Agent["queue"] {
  const queue = messages?.section("queue");
  messages?.rest("messages", () => "it has no counterpart here");
  if (!queue) return undefined;
  const mode = queue.string("mode");
  const debounceMs = queue.number("debounceMs");
  queue.rest("messages.queue", (key) =>
    key === "cap" || key === "drop"
      ? "a conversation that is full refuses new messages with 429; none is dropped"
      : "every channel has the same queue",
  );
  const window = clamp(debounceMs ?? openclawDebounceMs, 0, 60_000);
  if (debounceMs !== undefined && mode !== "collect") {
    queue.leave("debounceMs", "queue debounce", "only the mode collect waits for more messages");
  } else if (debounceMs !== undefined) {
    queue.take("debounceMs", "queue debounce", `${window} ms`);
  }
  if (mode === "followup" || mode === "collect") {
    queue.take("mode", "queue mode", `${mode}, for every agent`);
    return mode === "collect" ? { mode, debounceMs: window } : { mode };
  }
  if (mode !== undefined) {
    const reason = ["steer", "steer-backlog", "queue", "interrupt"].includes(mode)
      ? `${mode} changes a running turn, and turns here run to their end: agents use followup`
      : `${JSON.stringify(mode.slice(0, 40))} is not a known mode: agents use followup`;
    queue.leave("mode", "queue mode", reason);
  }
  return undefined;
}
