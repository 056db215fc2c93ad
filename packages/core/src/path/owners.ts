import { HoldfastError, isErrorCode, toHoldfastError } from "../errors.ts";
import type { ConversationRef, MessageId, NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { StoredMessage } from "../messages.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import { type Cancel, type Clock, delay } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { HistoryLook, MessageLook } from "./looks.ts";
import type { Partition } from "./partition.ts";
import { listenOnBus } from "./bus-listener.ts";
import { encodeEntry } from "./records.ts";
import { partitionOf } from "./router.ts";

type Question =
  | {
      readonly ask: "message";
      readonly ref: ConversationRef;
      readonly id: MessageId;
      readonly isCall: boolean;
    }
  | {
      readonly ask: "history";
      readonly ref: ConversationRef;
      readonly from: number;
      readonly until: number;
    };

interface Asked {
  readonly number: number;
  readonly from: NodeId;
  readonly question: Question;
}

interface Told {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

interface OpenQuestion {
  readonly settle: (told: Told) => void;
}

export interface OwnersOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** The partition when this node owns it and it is open. */
  readonly owner: (partition: number) => Partition | undefined;
  /** The node that a partition is assigned to. */
  readonly ownerNode: (partition: number) => NodeId | undefined;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** Asks a conversation's owner, wherever it runs; answers for the partitions that run here. */
export class Owners {
  readonly #options: OwnersOptions;
  readonly #open = new Map<number, OpenQuestion>();
  readonly #subscriptions: readonly Subscription[];
  /**
   * Of the newest question. It begins anywhere: an answer to a question that the last process of this name
   * asked, about another conversation, may still come.
   */
  #number: number;

  constructor(options: OwnersOptions) {
    this.#options = options;
    const { bus, node, random, report } = options;
    this.#number = Math.floor(random.next() * 2 ** 52);
    const answer = (asked: Asked) => this.#answer(asked);
    const settle = (told: Told) => this.#open.get(told.number)?.settle(told);
    this.#subscriptions = [
      listenOnBus(bus, `node.${node}.asked`, answer, report),
      listenOnBus(bus, `node.${node}.told`, settle, report),
    ];
  }

  /** The conversation's partition when it runs here. */
  local(ref: ConversationRef): Partition | undefined {
    return this.#options.owner(partitionOf(ref, this.#options.partitions));
  }

  /** Waits at most `ownerAnswerMs`, so that accepting never hangs on the owner. Errors: `not_ready`. */
  async message(ref: ConversationRef, id: MessageId, isCall = false): Promise<MessageLook> {
    const local = this.local(ref);
    if (local) return isCall ? local.lookAtCall(ref, id) : lookAtMessage(local, ref, id);
    return (await this.#askOnce({ ask: "message", ref, id, isCall })) as MessageLook;
  }

  /** While the partition changes its owner it is asked again. Errors: `not_ready`, those of the owner. */
  async history(ref: ConversationRef, from: number, until: number): Promise<HistoryLook> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + limits.ownerPatienceMs;
    for (;;) {
      const local = this.local(ref);
      if (local) return lookAtHistory(local, ref, from, until);
      try {
        return (await this.#askOnce({ ask: "history", ref, from, until })) as HistoryLook;
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.code !== "not_ready" || clock.monotonic() >= deadline) throw error;
      }
      await delay(clock, limits.ownerRetryMs);
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
    for (const [number, { settle }] of this.#open) {
      settle({ number, error: { code: "not_ready", message: "closed" } });
    }
  }

  #askOnce(question: Question): Promise<unknown> {
    const { ownerNode, partitions, node: self, bus, clock } = this.#options;
    const owner = ownerNode(partitionOf(question.ref, partitions));
    if (owner === undefined || owner === self) return Promise.reject(notReady());
    if (this.#open.size >= limits.ownerQuestions) {
      const problem = "Too many questions to other nodes are open.";
      throw new HoldfastError("node_busy", problem, { retryAfterMs: 1_000 });
    }
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#open.delete(number);
        cancel();
        settle();
      };
      const cancel: Cancel = clock.schedule(limits.ownerAnswerMs, () =>
        finish(() => reject(notReady())),
      );
      this.#open.set(number, {
        settle: ({ value, error }) =>
          finish(() => (error ? reject(toldError(error)) : resolve(value))),
      });
      const asked: Asked = { number, from: self, question };
      bus.publish(`node.${owner}.asked`, encodeEntry(asked));
    });
  }

  async #answer({ number, from, question }: Asked): Promise<void> {
    const told = await this.#lookHere(question).then(
      (value): Told => ({ number, value }),
      (thrown: unknown): Told => {
        const { code, message } = toHoldfastError(thrown);
        return { number, error: { code, message } };
      },
    );
    this.#options.bus.publish(`node.${from}.told`, encodeEntry(told));
  }

  async #lookHere(question: Question): Promise<unknown> {
    const { ref } = question;
    const local = this.local(ref);
    if (!local) throw notReady();
    if (question.ask === "history") {
      return lookAtHistory(local, ref, question.from, question.until);
    }
    if (!question.isCall) return lookAtMessage(local, ref, question.id);
    const look = local.lookAtCall(ref, question.id);
    const { end, ...rest } = look;
    return encodeEntry(look).byteLength > limits.batchBytes ? rest : look;
  }
}

/** What an owner knows of a message at this moment, if the conversation is in memory. */
export function lookAtLoaded(
  partition: Partition,
  ref: ConversationRef,
  id: MessageId,
): MessageLook | undefined {
  const seen = partition.loadedStateOf(ref)?.seen.get(id);
  if (seen) return { state: "handled", fingerprint: seen.fingerprint, index: seen.index };
  const waiting = partition.waitingMessage(ref, id);
  if (!waiting) return partition.loadedStateOf(ref) && { state: "unknown" };
  const { fingerprint } = waiting;
  return { state: "waiting", ...(fingerprint !== undefined && { fingerprint }) };
}

async function lookAtMessage(
  partition: Partition,
  ref: ConversationRef,
  id: MessageId,
): Promise<MessageLook> {
  const loaded = lookAtLoaded(partition, ref, id);
  if (loaded) return loaded;
  const seen = (await partition.stateOf(ref)).seen.get(id);
  if (seen) return { state: "handled", fingerprint: seen.fingerprint, index: seen.index };
  return lookAtLoaded(partition, ref, id) ?? { state: "unknown" };
}

async function lookAtHistory(
  partition: Partition,
  ref: ConversationRef,
  from: number,
  until: number,
): Promise<HistoryLook> {
  const { next, tail } = await partition.stateOf(ref);
  return {
    next,
    isBusy: partition.isBusy(ref),
    tailStart: tail[0]?.index ?? next,
    tail: firstThatFit(tail.filter(({ index }) => index >= from && index < until)),
  };
}

/** At least one; a message in memory is far below what an answer holds. */
function firstThatFit(messages: readonly StoredMessage[]): readonly StoredMessage[] {
  let bytes = 0;
  const count = messages.findIndex((message) => {
    bytes += 3 * message.text.length + 3 * JSON.stringify(message.toolCalls ?? "").length + 500;
    return bytes > limits.batchBytes;
  });
  return count < 0 ? messages : messages.slice(0, Math.max(1, count));
}

function notReady(): HoldfastError {
  return new HoldfastError("not_ready", "The agent's partition has no owner that answers now.", {
    retryAfterMs: 1_000,
  });
}

function toldError({ code, message }: { code: string; message: string }): HoldfastError {
  return new HoldfastError(isErrorCode(code) ? code : "internal", message);
}
