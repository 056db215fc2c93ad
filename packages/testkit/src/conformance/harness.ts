import { randomUUID } from "node:crypto";
import type { Engine, ErrorCode, LogRecord } from "@holdfast/core";
import { afterEach, expect } from "vitest";

/**
 * Gives another node's view of the same data with each call. The suites close what they opened, use names
 * of their own, and wait for events, never for time.
 */
export type MakeEngine = () => Promise<Engine>;

export interface ConformanceOptions {
  /** Random operation sequences tried against the model. */
  readonly propertyRuns?: number;
}

/** Over this an awaited event is taken for lost. */
const eventTimeoutMs = 20_000;
export const suiteTimeoutMs = 60_000;

export interface Views {
  /** A further view, closed after the test. */
  readonly open: () => Promise<Engine>;
  /** A view and a log or bucket that nobody used before. */
  readonly withLog: () => Promise<{ engine: Engine; log: string }>;
  readonly withBucket: () => Promise<{ engine: Engine; bucket: string }>;
}

export function views(makeEngine: MakeEngine): Views {
  const opened: Engine[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((engine) => engine.close()));
  });
  async function open() {
    const engine = await makeEngine();
    opened.push(engine);
    return engine;
  }
  return {
    open,
    async withLog() {
      const engine = await open();
      return { engine, log: await newLog(engine) };
    },
    async withBucket() {
      const engine = await open();
      return { engine, bucket: await newBucket(engine) };
    },
  };
}

export async function newLog(engine: Engine): Promise<string> {
  const log = uniqueName("log");
  await engine.provision({ logs: [log], buckets: [] });
  return log;
}

export async function newBucket(engine: Engine): Promise<string> {
  const bucket = uniqueName("bucket");
  await engine.provision({ logs: [], buckets: [bucket] });
  return bucket;
}

export function uniqueName(kind: string): string {
  return `test_${kind}-${randomUUID().slice(0, 13)}`;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(data);
}

/** Every byte value, in both directions, so that neither order nor sign nor text decoding hides a fault. */
export function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 512 }, (_, index) => (index < 256 ? index : 511 - index));
}

/** `size` bytes without a short period; compare with `sameBytes`. */
export function patterned(size: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) data[index] = Math.imul(index, 2654435761) >>> 13;
  return data;
}

/** Each record as `sequence:text`. */
export function recordLines(records: readonly LogRecord[]): string[] {
  return records.map((record) => `${record.sequence}:${text(record.data)}`);
}

/** Quick for megabytes, where a deep comparison of the test library is not. */
export function sameBytes(found: Uint8Array | undefined, wanted: Uint8Array): boolean {
  return found !== undefined && Buffer.compare(found, wanted) === 0;
}

/** The item with its bytes as numbers: an adapter may hand out any kind of Uint8Array. */
export function plain(item: object | undefined): object | undefined {
  if (item === undefined) return undefined;
  const entries = Object.entries(item).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? [...value] : value,
  ]);
  return Object.fromEntries(entries);
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

export async function expectCode(operation: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(operation).rejects.toMatchObject({ name: "HoldfastError", code });
}

/** How many succeeded; fails unless every other was refused with this code. */
export function winners(results: readonly PromiseSettledResult<unknown>[], code: ErrorCode) {
  const codes = results.map((result) =>
    result.status === "fulfilled" ? "won" : (result.reason as { code?: unknown }).code,
  );
  expect(codes.filter((found) => found !== "won" && found !== code)).toEqual([]);
  return codes.filter((found) => found === "won").length;
}

/** Gathers what a callback is handed; hand over `add` and await what must come. */
export interface Collector<T> {
  readonly items: readonly T[];
  readonly add: (item: T) => void;
  /** Resolves as soon as the items hold; `expected` says in the error what did not come. */
  until(expected: string, holds: (items: readonly T[]) => boolean): Promise<readonly T[]>;
}

export function collector<T>(): Collector<T> {
  const items: T[] = [];
  const waiters = new Set<() => void>();
  return {
    items,
    add(item) {
      items.push(item);
      for (const check of waiters) check();
    },
    until(expected, holds) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(check);
          reject(new Error(`Did not come: ${expected}. So far ${items.length} items came.`));
        }, eventTimeoutMs);
        const check = () => {
          if (!holds(items)) return;
          clearTimeout(timer);
          waiters.delete(check);
          resolve(items);
        };
        waiters.add(check);
        check();
      });
    },
  };
}
