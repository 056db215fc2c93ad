import { type ErrorCode, type HoldfastError, toHoldfastError } from "../errors.ts";
import { type ConversationRef, type MessageId, parseConversationKey } from "../ids.ts";
import { limits } from "../limits.ts";
import type { TurnEnd } from "../messages.ts";
import type { Cancel, Clock } from "../ports/clock.ts";
import type { ConversationReader } from "./conversation-reader.ts";
import type { Egress } from "./egress.ts";
import type { Owners } from "./owners.ts";
import type { Pending, PendingMessage } from "./pending.ts";
import { conflictEvent } from "./repeats.ts";
import { partitionOf } from "./router.ts";

export interface AwaitedServices {
  readonly partitions: number;
  readonly pending: Pending;
  readonly egress: Egress;
  readonly owners: Owners;
  readonly reader: ConversationReader;
  readonly clock: Clock;
  readonly report: (error: HoldfastError, where: string) => void;
}

interface Question {
  readonly id: MessageId;
  readonly ref: ConversationRef;
  readonly isCall: boolean;
}

/**
 * Messages that this node accepted and another one handles. That node tells when they are done, but what
 * it tells may be lost, and it may die: so their owner is asked now and then, and whenever it changes.
 */
export class Awaited {
  readonly #services: AwaitedServices;
  /** Messages that were there at the last check: they are old enough to ask for. */
  #old = new Set<MessageId>();
  /** Messages that clients wait for here although another node accepted them: nobody tells this node. */
  readonly #repeats = new Map<MessageId, { readonly ref: ConversationRef; waiting: number }>();
  /** How often the owner knew nothing of a stateless call. */
  readonly #unknown = new Map<MessageId, number>();
  /** Of partitions whose owner changed lately. */
  readonly #again = new Map<number, Cancel>();
  #ticks = 0;
  #timer: Cancel;
  #asking = false;
  #closed = false;

  constructor(services: AwaitedServices) {
    this.#services = services;
    services.egress.onRemoteEnd((ids, end) => this.#onEnd(ids, end));
    this.#timer = this.#checkEvery();
  }

  /** A partition has a new owner. */
  ownerChanged(partition: number): void {
    this.#askOwnerOf(partition, 0);
  }

  /** What it is told of may be lost just then, so it is asked some more times, ever more rarely. */
  #askOwnerOf(partition: number, tries: number): void {
    const { partitions, pending, clock } = this.#services;
    const accepted = [...pending.accepted()].map(questionFor);
    const questions = [...accepted, ...this.#repeatQuestions()].filter(
      ({ ref }) => partitionOf(ref, partitions) === partition,
    );
    this.#again.get(partition)?.();
    this.#again.delete(partition);
    if (questions.length === 0 || this.#closed) return;
    void this.#ask(questions);
    const pauseMs = limits.awaitedRepeatMs * 2 ** tries;
    if (pauseMs > limits.awaitedCheckMs) return;
    const again = () => this.#askOwnerOf(partition, tries + 1);
    this.#again.set(partition, clock.schedule(pauseMs, again));
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#again.values()) cancel();
    this.#timer();
  }

  /** Asks for a repeated message until the result is called. */
  follow(id: MessageId, ref: ConversationRef): () => void {
    const repeat = this.#repeats.get(id) ?? { ref, waiting: 0 };
    repeat.waiting += 1;
    this.#repeats.set(id, repeat);
    return () => {
      repeat.waiting -= 1;
      if (repeat.waiting === 0) this.#repeats.delete(id);
    };
  }

  #checkEvery(): Cancel {
    return this.#services.clock.schedule(limits.awaitedRepeatMs, () => {
      this.#ticks += 1;
      const isDue = (this.#ticks * limits.awaitedRepeatMs) % limits.awaitedCheckMs === 0;
      const questions = [...this.#repeatQuestions(), ...(isDue ? this.#oldQuestions() : [])];
      if (!this.#asking && questions.length > 0) {
        this.#asking = true;
        void this.#ask(questions).finally(() => {
          this.#asking = false;
        });
      }
      this.#timer = this.#checkEvery();
    });
  }

  #repeatQuestions(): readonly Question[] {
    return [...this.#repeats].map(([id, { ref }]) => ({ id, ref, isCall: false }));
  }

  #oldQuestions(): readonly Question[] {
    const accepted = [...this.#services.pending.accepted()];
    const old = accepted.filter(({ id }) => this.#old.has(id));
    this.#old = new Set(accepted.map(({ id }) => id));
    for (const id of this.#unknown.keys()) if (!this.#old.has(id)) this.#unknown.delete(id);
    return old.map(questionFor);
  }

  /** Also for what runs here: its last owner may have handled it, and died before this node heard of it. */
  async #ask(questions: readonly Question[]): Promise<void> {
    const left = [...questions];
    const worker = async (): Promise<void> => {
      for (let next = left.pop(); next && !this.#closed; next = left.pop()) {
        await (next.isCall ? this.#askForCall(next) : this.#askFor(next));
      }
    };
    const workers = Math.min(left.length, limits.awaitedQuestions);
    await Promise.all(Array.from({ length: workers }, worker));
  }

  /** Only its owner knows the end of a stateless call, and not for ever. */
  async #askForCall({ id, ref }: Question): Promise<void> {
    const { owners, pending, egress } = this.#services;
    try {
      const { state, end } = await owners.message(ref, id, true);
      if (pending.get(id) === undefined || state === "waiting") return;
      const tries = (this.#unknown.get(id) ?? 0) + 1;
      this.#unknown.set(id, tries);
      if (!end && state === "unknown" && tries < limits.awaitedUnknown) return;
      this.#unknown.delete(id);
      pending.remove(id);
      egress.deliver([id], end ?? lostEvent(id));
    } catch (thrown) {
      this.#reportUnless("not_ready", thrown, id);
    }
  }

  async #askFor({ id, ref }: Question): Promise<void> {
    const { owners, pending, egress } = this.#services;
    try {
      const { state, index, fingerprint } = await owners.message(ref, id);
      const known = pending.get(id);
      if (state !== "unknown" && known && (known.fingerprint ?? "") !== (fingerprint ?? "")) {
        // Another content came first with its key, which alone takes effect.
        pending.remove(id);
        egress.deliver([id], conflictEvent(id));
        return;
      }
      const isWanted = known !== undefined || this.#repeats.has(id);
      if (state === "handled" && isWanted) await this.#settle(ref, id, index ?? -1);
    } catch (thrown) {
      this.#reportUnless("not_ready", thrown, id);
    }
  }

  /** Without an owner there is nobody to ask; the next one says that it is there. */
  #reportUnless(code: ErrorCode, thrown: unknown, id: MessageId): void {
    const error = toHoldfastError(thrown);
    if (error.code !== code) this.#services.report(error, `question for message ${id}`);
  }

  async #settle(ref: ConversationRef, id: MessageId, index: number): Promise<void> {
    const { egress, pending, reader } = this.#services;
    const end = egress.isAwaited(id) ? await reader.turnEnd(ref, id, index) : undefined;
    pending.remove(id);
    if (end) egress.deliver([id], end);
  }

  #onEnd(ids: readonly MessageId[], end: TurnEnd | undefined): void {
    const { pending } = this.#services;
    for (const id of ids) {
      const known = pending.get(id);
      if (!known?.durable) continue;
      if (!end) void this.#ask([questionFor(known)]);
      else if (end.type === "committed" || end.final) pending.remove(id);
    }
  }
}

function questionFor({ id, isCall, conversation }: PendingMessage): Question {
  return { id, isCall, ref: parseConversationKey(conversation) };
}

/** Its owner changed, or forgot it: whether it took effect is not known here. */
function lostEvent(id: MessageId): TurnEnd {
  return {
    type: "failed",
    inputs: [id],
    code: "wait_timeout",
    message: "The call was accepted; its answer was lost on the way.",
    final: true,
  };
}
