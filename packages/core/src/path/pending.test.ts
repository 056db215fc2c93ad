import { beforeEach, describe, expect, test } from "vitest";
import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";
import { Pending } from "./pending.ts";

let count = 0;
beforeEach(() => {
  count = 0;
});

function message(more: Record<string, unknown> = {}): InboundMessage {
  count += 1;
  return {
    id: `m${count}`,
    organization: "acme",
    agent: "echo",
    conversation: "c1",
    content: { type: "text", text: "four" },
    receivedAt: 0,
    depth: 0,
    ...more,
  } as unknown as InboundMessage;
}

function fill(pending: Pending, times: number, more: (n: number) => Record<string, unknown>) {
  for (let n = 0; n < times; n += 1) pending.add(message(more(n)));
}

describe("what is pending", () => {
  test("is counted once and forgotten whole", () => {
    const pending = new Pending();
    const first = message();
    pending.add(first);
    pending.add(first);
    expect([pending.size, pending.bytes, pending.holds(first)]).toEqual([1, 8, true]);
    pending.remove(first.id);
    pending.remove(first.id);
    expect([pending.size, pending.bytes, pending.holds(first)]).toEqual([0, 0, false]);
  });

  test("is bounded per conversation, agent and node", () => {
    const pending = new Pending();
    fill(pending, limits.conversationPending, () => ({}));
    expect(() => pending.admit(message())).toThrow(
      expect.objectContaining({ code: "conversation_busy", retryAfterMs: 1_000 }),
    );
    pending.admit(message({ conversation: "c2" }));
    const left = limits.agentPending - limits.conversationPending;
    fill(pending, left, (n) => ({ conversation: `d${n}` }));
    expect(() => pending.admit(message({ conversation: "c2" }))).toThrow(
      expect.objectContaining({ code: "agent_busy" }),
    );
    pending.admit(message({ agent: "other" }));
    fill(pending, limits.nodePending - limits.agentPending, (n) => ({ agent: `a${n}` }));
    expect(() => pending.admit(message({ agent: "other" }))).toThrow(
      expect.objectContaining({ code: "node_busy" }),
    );
  });

  test("is counted with its instructions, its history and its tools", () => {
    const pending = new Pending();
    const options = {
      instructions: "i".repeat(1_000),
      history: [{ role: "user", text: "h".repeat(1_000) }],
      tools: [{ name: "search", description: "d".repeat(1_000), inputSchema: { type: "object" } }],
    };
    const asked = message({ options });
    pending.add(asked);
    expect(pending.bytes).toBeGreaterThan(6_000);
    expect(pending.bytes).toBeLessThan(6_500);
    pending.remove(asked.id);
    expect(pending.bytes).toBe(0);
  });

  test("is bounded in bytes", () => {
    const pending = new Pending();
    const content = { type: "blob", blob: "b", bytes: limits.nodePendingBytes };
    pending.add(message({ content }));
    expect(() => pending.admit(message({ conversation: "c2" }))).toThrow(
      expect.objectContaining({ code: "node_busy" }),
    );
  });
});
