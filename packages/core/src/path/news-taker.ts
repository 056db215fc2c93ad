import { toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { delay } from "../ports/clock.ts";
import type { ActiveConversation } from "./active-conversation.ts";
import { applyEntry, type ConversationState } from "./conversation-state.ts";
import { handledInputs } from "./handled-inputs.ts";
import type { Journal } from "./journal.ts";
import type { Waiting } from "./mailbox.ts";
import type { Maintenance } from "./maintenance.ts";
import { viewOutbox } from "./outbox.ts";
import type { OwnerServices } from "./owner-services.ts";
import type { Watermark } from "./watermark.ts";

interface NewsView {
  /** Sends what waits, and begins the conversation's next turn if there is one. */
  readonly pump: (conversation: ActiveConversation) => void;
  /** Tells of outgoing messages that failed, beyond those that were known to have. */
  readonly tellLateFailures: (
    conversation: ActiveConversation,
    before: ReadonlySet<string>,
  ) => void;
  /** True once the partition is being let go of. */
  readonly isStopping: () => boolean;
  /** Aborts when the partition is closed. */
  readonly signal: AbortSignal;
}

/**
 * Takes in what is known anew of outgoing messages, at once and beside a turn: a retry of what fills the
 * outbox must not wait for the messages that the full outbox holds back.
 */
export class NewsTaker {
  readonly #services: OwnerServices;
  readonly #journal: Journal;
  readonly #maintenance: Maintenance;
  readonly #watermark: Watermark;
  readonly #partition: NewsView;

  constructor(
    services: OwnerServices,
    journal: Journal,
    maintenance: Maintenance,
    watermark: Watermark,
    partition: NewsView,
  ) {
    this.#services = services;
    this.#journal = journal;
    this.#maintenance = maintenance;
    this.#watermark = watermark;
    this.#partition = partition;
  }

  /** Takes all news that wait in the conversation's mailbox. */
  async take(conversation: ActiveConversation, state: ConversationState): Promise<void> {
    const { mailbox } = conversation;
    if (conversation.isTakingNews) return;
    conversation.isTakingNews = true;
    try {
      for (let input = mailbox.news(state); input; input = mailbox.news(state)) {
        if (this.#partition.isStopping()) return;
        await this.#takeOne(conversation, state, input);
      }
    } catch (thrown) {
      if (this.#partition.isStopping()) return;
      this.#services.report(toHoldfastError(thrown), `news in ${conversation.key}`);
      await delay(this.#services.clock, limits.turnRetryMinMs, this.#partition.signal);
    } finally {
      conversation.isTakingNews = false;
    }
    this.#partition.pump(conversation);
  }

  async #takeOne(
    conversation: ActiveConversation,
    state: ConversationState,
    input: Waiting,
  ): Promise<void> {
    const { content } = input.message;
    if (content.type !== "delivery") return;
    const inputs = handledInputs(conversation, [input]);
    const entry = { t: "news" as const, c: conversation.key, inputs, news: content.news };
    const sequence = await this.#journal.append(entry);
    const failed = failedIds(state);
    applyEntry(state, entry, sequence);
    this.#maintenance.changed(conversation, sequence);
    conversation.mailbox.remove([input]);
    this.#watermark.done(input.at);
    this.#services.pending.remove(input.message.id);
    if (content.news.type === "receipt") this.#partition.tellLateFailures(conversation, failed);
  }
}

function failedIds({ outbox }: ConversationState): ReadonlySet<string> {
  const views = outbox ? viewOutbox(outbox) : [];
  return new Set(views.filter(({ state }) => state === "failed").map(({ id }) => id));
}
