import {
  type Agent,
  type Clock,
  type ConversationRef,
  delay,
  HoldfastError,
  type Model,
  type ModelMessage,
  partitionOf,
  type Random,
  type ToolCall,
  type Tools,
} from "@holdfast/core";
import type { JournalChecker } from "./journal-checker.ts";
import type { RunRecord } from "./run-record.ts";

export const agents: readonly Agent[] = [
  agent("plain"),
  agent("tools"),
  agent("mixed"),
  { ...agent("collect"), queue: { mode: "collect" } },
  { ...agent("gather"), queue: { mode: "collect", debounceMs: 150 } },
];

function agent(name: string): Agent {
  return { kind: "Agent", organization: "acme", name, model: "demo/scripted" };
}

/** What the model and the tools share with the rest of a run. */
export interface ScriptWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly journal: JournalChecker;
  readonly partitions: number;
  /** While true every model call fails with `model_unavailable`. */
  modelIsAway: boolean;
  /** No model call fails by chance any more. */
  isCalm: boolean;
  /** Poison messages fail until this is set. */
  poisonIsHealed: boolean;
  /** Failures that are left of the messages that fail a few times. */
  readonly flaky: Map<string, number>;
  /** Effects of each call by its idempotency key, and of each message by tool. */
  readonly effects: Map<string, number>;
}

/** The process that a model or tool call runs in. */
export interface ScriptHost {
  readonly process: string;
  readonly clock: Clock;
}

const stages: Readonly<Record<string, readonly (readonly string[])[]>> = {
  pay: [["pay"]],
  safe: [["safe"]],
  both: [["pay", "safe"]],
  steps: [["safe"], ["pay"], ["look"]],
};

/**
 * A model whose answers follow from the texts `#number command`: it calls the tools that the command
 * names, then answers `re #number ...` with a text that differs at every call, as real models' do.
 */
export function scriptedModel(world: ScriptWorld, host: ScriptHost): Model {
  return {
    async *stream(request, signal) {
      await delay(host.clock, Math.floor(world.random.next() * 200), signal);
      signal.throwIfAborted();
      if (world.modelIsAway || (!world.isCalm && world.random.next() < 0.01)) {
        throw new HoldfastError("model_unavailable", "The model is away.");
      }
      const turn = currentTurn(request.messages);
      const asked = turn.flatMap(({ role, text }) => (role === "user" ? [text] : []));
      for (const text of asked) failIfAsked(world, text);
      const calls = nextCalls(asked, turn);
      const usage = { inputTokens: 1, outputTokens: 1 };
      if (calls.length > 0) {
        for (const call of calls) yield { type: "tool-call", call };
        yield { type: "finish", reason: "tool-calls", usage, model: "demo/scripted" };
        return;
      }
      const text = answerTo(asked, world.random.token(6));
      yield { type: "text", text: text.slice(0, 10) };
      await delay(host.clock, Math.floor(world.random.next() * 50), signal);
      yield { type: "text", text: text.slice(10) };
      yield { type: "finish", reason: "stop", usage, model: "demo/scripted" };
    },
  };
}

/** `#12 pay xxx` gives `12`. */
export function numberIn(text: string): string {
  return /^#(\d+) /.exec(text)?.[1] ?? "?";
}

function commandIn(text: string): string {
  return text.split(" ")[1] ?? "";
}

function currentTurn(messages: readonly ModelMessage[]): readonly ModelMessage[] {
  const answered = messages.findLastIndex(
    (message) => message.role === "assistant" && !message.toolCalls,
  );
  return messages.slice(answered + 1);
}

function failIfAsked(world: ScriptWorld, text: string): void {
  const command = commandIn(text);
  if (command === "poison" && !world.poisonIsHealed) throw new Error("poison");
  if (command !== "flaky") return;
  const left = world.flaky.get(text) ?? 2;
  world.flaky.set(text, left - 1);
  if (left > 0) throw new Error("flaky");
}

function nextCalls(asked: readonly string[], turn: readonly ModelMessage[]): ToolCall[] {
  const made = new Set(
    turn.flatMap((message) =>
      message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : [],
    ),
  );
  return asked.flatMap((text) => {
    const names = stages[commandIn(text)]?.find((stage) =>
      stage.some((name) => !made.has(callId(name, text))),
    );
    return (names ?? []).map((name) => ({ id: callId(name, text), name, arguments: "{}" }));
  });
}

function callId(name: string, text: string): string {
  return `${name}-${numberIn(text)}`;
}

function answerTo(asked: readonly string[], nonce: string): string {
  const numbers = asked.map((text) => `#${numberIn(text)}`).join(" ");
  const isLong = asked.some((text) => commandIn(text) === "essay");
  return `re ${numbers} (${nonce})${isLong ? ` ${nonce.repeat(400)}` : ""}`;
}

/** `pay` may not be repeated, `safe` and `look` may; `look` gives a long result. */
export function scriptedTools(world: ScriptWorld, host: ScriptHost): Tools {
  return {
    describe: async () => ({
      tools: ["pay", "safe", "look"].map((name) => ({
        name,
        description: "",
        parameters: { type: "object" },
        idempotent: name !== "pay",
      })),
      missing: [],
    }),
    async call({ id, name }, { idempotencyKey, signal, ...ref }) {
      checkNotFinished(world, host, ref, id, idempotencyKey);
      // What was sent takes effect, whatever becomes of the process that sent it.
      world.clock.schedule(Math.floor(world.random.next() * 60), () =>
        effect(world, host, name, id, idempotencyKey),
      );
      await delay(host.clock, 60 + Math.floor(world.random.next() * 60), signal);
      signal.throwIfAborted();
      const text = name === "look" ? "seen ".repeat(400) : `${name} done`;
      return { text, isError: false };
    },
  };
}

/** A deposed owner may finish what it began; the owner itself never reruns what is journaled. */
function checkNotFinished(
  { record, journal, partitions, poisonIsHealed }: ScriptWorld,
  { process }: ScriptHost,
  ref: ConversationRef,
  id: string,
  key: string,
) {
  const turn = key.slice(0, key.lastIndexOf(`.${id}`)).replace(/\.\d+$/, "");
  const isOwner = journal.writerOf(partitionOf(ref, partitions)) === process;
  if (isOwner && !poisonIsHealed && journal.isFinishedCall(turn, id)) {
    record.violate(`${process} reran ${id} of ${turn}, which was finished`);
  }
}

function effect(world: ScriptWorld, host: ScriptHost, name: string, id: string, key: string) {
  const { record, effects } = world;
  record.note(`${host.process} runs ${name} for ${key}`);
  record.count(name);
  for (const counted of [key, id]) effects.set(counted, (effects.get(counted) ?? 0) + 1);
  // Replaying a dead letter begins anew: a person asked for it.
  if (world.poisonIsHealed) return;
  if (name === "pay" && Math.max(effects.get(key) ?? 0, effects.get(id) ?? 0) > 1) {
    record.violate(`${id} ran twice and may not be repeated`);
  }
}
