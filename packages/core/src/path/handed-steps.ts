import { type HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import type { Cancel, Clock } from "../ports/clock.ts";
import type { Step } from "./conversation-state.ts";
import { listenOnBus } from "./bus-listener.ts";
import { decodeEntry, encodeEntry } from "./records.ts";

/** Names a step among all turns of a partition: the same at its old owner and at its new one. */
export type StepKey = string;

/** What the old owner says when a step that it had begun is over. */
interface HandedStep {
  readonly key: StepKey;
  /** Absent when the step failed: the new owner goes on as after a crash. */
  readonly step?: Step;
  /** Where a step stands that is too large for the bus. */
  readonly blob?: string;
}

/** The answer for steps that run on: they are worth waiting for. */
interface StillRunning {
  readonly running: readonly StepKey[];
}

/** A node asks for steps that it waits for: the bus may have lost them. */
interface Reminder {
  readonly from: NodeId;
  readonly keys: readonly StepKey[];
}

interface Expected {
  readonly from: NodeId;
  readonly settle: (step: Step | undefined) => void;
  readonly step: Promise<Step | undefined>;
  /** Reminders since the sender last said that the step runs. */
  unanswered: number;
}

export interface HandedStepsOptions {
  readonly node: NodeId;
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly isAlive: (node: NodeId) => boolean;
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * Steps that were running at the owner of a partition when it was moved in good order. The old owner ends
 * them and hands their results over, so that no model is asked twice and no tool's outcome is unknown; the
 * new one waits for these steps alone, and writes them as its own.
 */
export class HandedSteps {
  readonly #options: HandedStepsOptions;
  readonly #expected = new Map<StepKey, Expected>();
  /** Steps that run here for others, and what was sent of those that ended, oldest first. */
  readonly #running = new Set<StepKey>();
  readonly #sent = new Map<StepKey, Uint8Array>();
  readonly #subscriptions: readonly Subscription[];
  #timer: Cancel;

  constructor(options: HandedStepsOptions) {
    this.#options = options;
    const { bus, node, report } = options;
    const receive = (news: HandedStep | StillRunning) =>
      "running" in news ? this.#stillRuns(news) : this.#receive(news);
    const remind = (reminder: Reminder) => this.#remind(reminder);
    this.#subscriptions = [
      listenOnBus(bus, `node.${node}.handed`, receive, report),
      listenOnBus(bus, `node.${node}.reminded`, remind, report),
    ];
    this.#timer = this.#askEvery();
  }

  /** These steps run on here, and will be sent when they end. */
  promise(keys: readonly StepKey[]): void {
    for (const key of keys) this.#running.add(key);
  }

  /** The steps that `from` still runs; over the limit they are treated as after a crash. */
  expect(from: NodeId, keys: readonly StepKey[]): void {
    for (const key of keys) {
      if (this.#expected.size >= limits.handedSteps || this.#expected.has(key)) continue;
      const { promise: step, resolve } = Promise.withResolvers<Step | undefined>();
      const cancel: Cancel = this.#options.clock.schedule(limits.handedStepMaxMs, () =>
        this.#expected.get(key)?.settle(undefined),
      );
      const settle = (found: Step | undefined) => {
        cancel();
        this.#expected.delete(key);
        resolve(found);
      };
      this.#expected.set(key, { from, settle, step, unanswered: 0 });
    }
  }

  /** Undefined when nobody else runs the step; else its result, or undefined when that will not come. */
  take(key: StepKey): Promise<Step | undefined> | undefined {
    return this.#expected.get(key)?.step;
  }

  /** Nodes came or went: what a dead one was to hand over does not come any more. */
  checkSenders(): void {
    for (const { from, settle } of this.#expected.values()) {
      if (!this.#options.isAlive(from)) settle(undefined);
    }
  }

  /** Hands a step over to the partition's new owner. Nothing is lost when it cannot be sent. */
  async send(to: NodeId, key: StepKey, step: Step | undefined): Promise<void> {
    const { bus, report } = this.#options;
    const data = await this.#encode(to, key, step).catch((thrown: unknown) => {
      report(toHoldfastError(thrown), `step ${key}`);
      return encodeEntry({ key } satisfies HandedStep);
    });
    this.#running.delete(key);
    this.#sent.set(key, data);
    for (const oldest of this.#sent.keys()) {
      if (this.#sent.size <= limits.handedStepsKept) break;
      this.#sent.delete(oldest);
    }
    bus.publish(`node.${to}.handed`, data);
  }

  close(): void {
    this.#timer();
    for (const subscription of this.#subscriptions) subscription.close();
    for (const { settle } of this.#expected.values()) settle(undefined);
  }

  async #encode(to: NodeId, key: StepKey, step: Step | undefined): Promise<Uint8Array> {
    const data = encodeEntry({ key, ...(step && { step }) } satisfies HandedStep);
    if (!step || data.byteLength <= limits.batchBytes) return data;
    // Whoever hands it on while it takes it itself deletes another one.
    const blob = `handed.${to}.${key}`;
    await this.#options.blobs.put(blob, encodeEntry(step));
    return encodeEntry({ key, blob } satisfies HandedStep);
  }

  #askEvery(): Cancel {
    const { clock, bus, node } = this.#options;
    return clock.schedule(limits.handedReminderMs, () => {
      this.#timer = this.#askEvery();
      this.#giveUpSilent();
      const open = Map.groupBy(this.#expected, ([, { from }]) => from);
      for (const [from, entries] of open) {
        const reminder: Reminder = { from: node, keys: entries.map(([key]) => key) };
        bus.publish(`node.${from}.reminded`, encodeEntry(reminder));
      }
    });
  }

  /** A sender may be gone though nobody took it for dead: its last word came after its end was noticed. */
  #giveUpSilent(): void {
    for (const expected of this.#expected.values()) {
      if (expected.unanswered >= limits.handedRemindersMax) expected.settle(undefined);
      expected.unanswered += 1;
    }
  }

  #stillRuns({ running }: StillRunning): void {
    for (const key of running) {
      const expected = this.#expected.get(key);
      if (expected) expected.unanswered = 0;
    }
  }

  /** What runs is waited for; what is not known here never will be. */
  #remind({ from, keys }: Reminder): void {
    const running = keys.filter((key) => this.#running.has(key));
    if (running.length > 0) {
      this.#options.bus.publish(`node.${from}.handed`, encodeEntry({ running }));
    }
    for (const key of keys) {
      if (this.#running.has(key)) continue;
      const data = this.#sent.get(key) ?? encodeEntry({ key } satisfies HandedStep);
      this.#options.bus.publish(`node.${from}.handed`, data);
    }
  }

  async #receive({ key, step, blob }: HandedStep): Promise<void> {
    const expected = this.#expected.get(key);
    if (!expected) return;
    if (blob === undefined) {
      expected.settle(step);
      return;
    }
    const { blobs, report } = this.#options;
    try {
      const bytes = await blobs.get(blob);
      expected.settle(bytes && decodeEntry<Step>(bytes));
      await blobs.delete(blob);
    } catch (thrown) {
      report(toHoldfastError(thrown), `step ${key}`);
      expected.settle(undefined);
    }
  }
}
