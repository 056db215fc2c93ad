import { HoldfastError, isErrorCode, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { listenOnBus } from "./bus-listener.ts";
import { encodeEntry } from "./records.ts";

interface Asked {
  readonly number: number;
  readonly from: NodeId;
  readonly question: unknown;
}

interface Told {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface BusQuestionsOptions<Question> {
  readonly node: NodeId;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** The last words of the subjects of questions and answers: `node.NAME.WORD`. */
  readonly words: { readonly asked: string; readonly told: string };
  /** Answers what other nodes ask this one. Its errors are told to them. */
  readonly answer: (question: Question) => Promise<unknown>;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** Questions from node to node over the bus, each answered or given up after `ownerAnswerMs`. */
export class BusQuestions<Question> {
  readonly #options: BusQuestionsOptions<Question>;
  readonly #open = new Map<number, (told: Told) => void>();
  readonly #subscriptions: readonly Subscription[];
  /**
   * Of the newest question. It begins anywhere: an answer to a question that the last process of this name
   * asked, about something else, may still come.
   */
  #number: number;

  constructor(options: BusQuestionsOptions<Question>) {
    this.#options = options;
    const { bus, node, random, report, words } = options;
    this.#number = Math.floor(random.next() * 2 ** 52);
    const answer = (asked: Asked) => this.#answer(asked);
    const settle = (told: Told) => this.#open.get(told.number)?.(told);
    this.#subscriptions = [
      listenOnBus(bus, `node.${node}.${words.asked}`, answer, report),
      listenOnBus(bus, `node.${node}.${words.told}`, settle, report),
    ];
  }

  /** Errors: `not_ready` when no answer comes, `node_busy`, those of the answer. */
  ask(to: NodeId, question: Question): Promise<unknown> {
    const { node: from, bus, clock, words } = this.#options;
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
      const cancel = clock.schedule(limits.ownerAnswerMs, () =>
        finish(() => reject(notAnswered(to))),
      );
      this.#open.set(number, ({ value, error }) =>
        finish(() => (error ? reject(toldError(error)) : resolve(value))),
      );
      const asked: Asked = { number, from, question };
      bus.publish(`node.${to}.${words.asked}`, encodeEntry(asked));
    });
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
    for (const [number, settle] of this.#open) {
      settle({ number, error: { code: "not_ready", message: "The node is stopping." } });
    }
  }

  async #answer({ number, from, question }: Asked): Promise<void> {
    const { answer, bus, words } = this.#options;
    const told = await answer(question as Question).then(
      (value): Told => ({ number, value }),
      (thrown: unknown): Told => {
        const { code, message } = toHoldfastError(thrown);
        return { number, error: { code, message } };
      },
    );
    bus.publish(`node.${from}.${words.told}`, encodeEntry(told));
  }
}

function notAnswered(node: NodeId): HoldfastError {
  return new HoldfastError("not_ready", `Node ${node} does not answer now.`, {
    retryAfterMs: 1_000,
  });
}

function toldError({ code, message }: { code: string; message: string }): HoldfastError {
  return new HoldfastError(isErrorCode(code) ? code : "internal", message);
}
