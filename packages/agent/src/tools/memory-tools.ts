import {
  agentKey,
  HoldfastError,
  type KeyValue,
  limits,
  type ToolCallContext,
  type ToolResult,
} from "@holdfast/core";
import { failed, succeeded } from "./results.ts";
import type { BoundTool, ToolArguments } from "./tool-source.ts";

/** The bucket of the key-value store that holds what agents remember. */
export const memoryBucket = "memory";

/** The tools of an agent's durable memory. All of them may be repeated. */
export function createMemoryTools(keyValue: KeyValue): readonly BoundTool[] {
  return [
    tool(
      "memory_read",
      "Reads one value of your durable memory.",
      { key: keySchema },
      ["key"],
      (args, context) => read(keyValue, context, args),
    ),
    tool(
      "memory_write",
      "Writes one value of your durable memory, in place of what stood under the key. It outlives the conversation.",
      { key: keySchema, value: { type: "string", description: valueRule } },
      ["key", "value"],
      (args, context) => write(keyValue, context, args),
    ),
    tool(
      "memory_delete",
      "Deletes one value of your durable memory. Deleting what is not there is no error.",
      { key: keySchema },
      ["key"],
      (args, context) => remove(keyValue, context, args),
    ),
    tool(
      "memory_list",
      "Lists the keys of your durable memory and the size of each value in bytes.",
      { prefix: { type: "string", description: "Only keys that begin with this." } },
      [],
      (args, context) => list(keyValue, context, args),
    ),
  ];
}

/** `<org>.<agent>.<encoded key>`: what a key of the store may not hold is written as `=XX` per byte. */
export function memoryKey(context: ToolCallContext, key: string): string {
  return `${memoryPrefix(context)}.${encodeKey(key)}`;
}

const valueRule = `At most ${limits.memoryValueBytes} bytes.`;
const keySchema = {
  type: "string",
  minLength: 1,
  description: `At most ${limits.memoryKeyBytes} bytes, for example "customer/42/name".`,
};

type Run = (args: ToolArguments, context: ToolCallContext) => Promise<ToolResult>;

function tool(
  name: string,
  description: string,
  properties: object,
  required: readonly string[],
  run: Run,
): BoundTool {
  const parameters = { type: "object", properties, required, additionalProperties: false };
  return {
    descriptor: { name, description, parameters, idempotent: true },
    onBrokenSchema: "refuse",
    async run(args, context) {
      const fault = typeof args.key === "string" ? keyFault(args.key) : undefined;
      if (fault !== undefined) return failed("tool_arguments_invalid", `arguments.key: ${fault}`);
      return run(args, context);
    },
  };
}

async function read(store: KeyValue, context: ToolCallContext, args: ToolArguments) {
  const key = String(args.key);
  const entry = await store.get(memoryBucket, memoryKey(context, key));
  if (entry !== undefined) return succeeded(Buffer.from(entry.value).toString("utf8"));
  return failed("tool_failed", `Nothing is remembered under ${JSON.stringify(key)}.`);
}

/** Compare-and-set, so that a write never revives or buries another one unseen. */
async function write(store: KeyValue, context: ToolCallContext, args: ToolArguments) {
  const key = String(args.key);
  const text = String(args.value);
  if (!text.isWellFormed()) {
    return failed("tool_arguments_invalid", "arguments.value: holds a lone surrogate");
  }
  const value = Buffer.from(text);
  if (value.length > limits.memoryValueBytes) {
    const size = `has ${value.length} bytes; the most is ${limits.memoryValueBytes}`;
    return failed("tool_arguments_invalid", `arguments.value: ${size}`);
  }
  const storeKey = memoryKey(context, key);
  for (let attempt = 1; attempt <= limits.memoryWriteAttempts; attempt++) {
    context.signal.throwIfAborted();
    const present = await store.get(memoryBucket, storeKey);
    if (present !== undefined && value.equals(present.value)) return stored(key);
    if (present === undefined && (await isFull(store, context))) {
      const most = `The memory holds ${limits.memoryKeysPerAgent} keys, the most allowed`;
      return failed("tool_failed", `${most}. Delete some first.`);
    }
    try {
      await store.update(memoryBucket, storeKey, value, present?.revision ?? 0);
      return stored(key);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
  return failed("tool_failed", `${JSON.stringify(key)} is being changed by others; try again.`);
}

async function remove(store: KeyValue, context: ToolCallContext, args: ToolArguments) {
  const key = String(args.key);
  await store.delete(memoryBucket, memoryKey(context, key));
  return succeeded(`Nothing is remembered under ${JSON.stringify(key)} any more.`);
}

async function list(store: KeyValue, context: ToolCallContext, args: ToolArguments) {
  const wanted = typeof args.prefix === "string" ? args.prefix : "";
  const prefix = memoryPrefix(context);
  const entries: { key: string; bytes: number }[] = [];
  for await (const entry of store.list(memoryBucket, prefix)) {
    const key = decodeKey(entry.key.slice(prefix.length + 1));
    if (key.startsWith(wanted)) entries.push({ key, bytes: entry.value.length });
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  return succeeded(JSON.stringify(entries));
}

async function isFull(store: KeyValue, context: ToolCallContext): Promise<boolean> {
  let count = 0;
  for await (const _ of store.list(memoryBucket, memoryPrefix(context))) {
    if (++count >= limits.memoryKeysPerAgent) return true;
  }
  return false;
}

const stored = (key: string) => succeeded(`Remembered under ${JSON.stringify(key)}.`);
const isConflict = (error: unknown) =>
  error instanceof HoldfastError && error.code === "revision_conflict";
const memoryPrefix = (context: ToolCallContext) => agentKey(context).replace("/", ".");

function keyFault(key: string): string | undefined {
  if (!key.isWellFormed()) return "holds a lone surrogate";
  const bytes = Buffer.byteLength(key);
  return bytes > limits.memoryKeyBytes
    ? `has ${bytes} bytes; the most is ${limits.memoryKeyBytes}`
    : undefined;
}

function encodeKey(key: string): string {
  let encoded = "";
  for (const byte of Buffer.from(key)) {
    const character = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function decodeKey(encoded: string): string {
  const bytes = encoded.replace(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
