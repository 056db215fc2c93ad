import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { ConversationRef, MessageId, NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { StoredMessage } from "../messages.ts";
import type { Bus } from "../ports/bus.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { HistoryLook, MessageLook } from "./looks.ts";
import type { Partition } from "./partition.ts";
import { BusQuestions } from "./bus-questions.ts";
import type { DeliveryView } from "../deliveries.ts";
import { viewOutbox } from "./outbox.ts";
import { encodeEntry } from "./records.ts";
import { partitionOf } from "./router.ts";

type Question =
  | { readonly ask: "deliveries"; readonly ref: ConversationRef }
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
  readonly #questions: BusQuestions<Question>;

  constructor(options: OwnersOptions) {
    this.#options = options;
    this.#questions = new BusQuestions({
      ...options,
      words: { asked: "asked", told: "told" },
      answer: (question: Question) => this.#lookHere(question),
    });
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

  /** What is kept of the conversation's outgoing messages. Errors: `not_ready`, those of the owner. */
  async deliveries(ref: ConversationRef): Promise<readonly DeliveryView[]> {
    const local = this.local(ref);
    if (local) return lookAtDeliveries(local, ref);
    return (await this.#askOnce({ ask: "deliveries", ref })) as readonly DeliveryView[];
  }

  close(): void {
    this.#questions.close();
  }

  #askOnce(question: Question): Promise<unknown> {
    const { ownerNode, partitions, node: self } = this.#options;
    const owner = ownerNode(partitionOf(question.ref, partitions));
    if (owner === undefined || owner === self) return Promise.reject(notReady());
    return this.#questions.ask(owner, question);
  }

  async #lookHere(question: Question): Promise<unknown> {
    const { ref } = question;
    const local = this.local(ref);
    if (!local) throw notReady();
    if (question.ask === "deliveries") return lookAtDeliveries(local, ref);
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

async function lookAtDeliveries(
  partition: Partition,
  ref: ConversationRef,
): Promise<readonly DeliveryView[]> {
  const { outbox } = await partition.stateOf(ref);
  return outbox ? newestThatFit(viewOutbox(outbox)) : [];
}

/** An answer over the bus has a bound; what is older is left out. */
function newestThatFit(views: readonly DeliveryView[]): readonly DeliveryView[] {
  let bytes = 0;
  const last = views.findLastIndex((view) => {
    bytes += 3 * JSON.stringify(view).length;
    return bytes > limits.batchBytes;
  });
  return views.slice(last + 1);
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
