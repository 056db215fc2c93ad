import type {
  Accepted,
  Asked,
  Completed,
  Conversations,
  HistoryPage,
  HistoryRange,
  NewMessage,
  Replayed,
} from "../conversations.ts";
import { HoldfastError } from "../errors.ts";
import { type ConversationRef, conversationKey, type MessageId, type NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import {
  type ConversationEvent,
  type DeadLetter,
  type InboundContent,
  type InboundMessage,
  type StoredMessage,
  isTurnEnd,
  type TurnEnd,
} from "../messages.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { ReachFailpoint } from "../ports/failpoints.ts";
import type { Random } from "../ports/random.ts";
import type { ResourceStore } from "../resource-store.ts";
import { type ConversationState, outcomeOf } from "./conversation-state.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Egress } from "./egress.ts";
import { EventQueue } from "./event-queue.ts";
import type { HistoryPages } from "./history.ts";
import type { Inbox } from "./inbox.ts";
import type { Partition } from "./partition.ts";
import type { Pending } from "./pending.ts";
import { encodeEntry } from "./records.ts";
import { droppedEvent } from "./repeats.ts";
import { partitionOf } from "./router.ts";
import { readOptions } from "./turn.ts";

export interface IngressServices {
  readonly node: NodeId;
  readonly partitions: number;
  readonly inbox: (partition: number) => Inbox;
  /** The partition when this node owns it. */
  readonly owner: (partition: number) => Partition | undefined;
  readonly resources: ResourceStore;
  readonly pending: Pending;
  readonly egress: Egress;
  readonly history: HistoryPages;
  readonly deadLetters: DeadLetters;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly random: Random;
  /** A collision-resistant hash in letters and digits. */
  readonly digest: (text: string) => string;
  readonly reach: ReachFailpoint;
}

/** Stage 1 of the message path: checks a message, and answers once it is durable. */
export class Ingress implements Conversations {
  readonly #services: IngressServices;

  constructor(services: IngressServices) {
    this.#services = services;
  }

  submit(message: NewMessage): Promise<Accepted> {
    return this.#accept(this.#prepare(message));
  }

  async ask(message: NewMessage, signal: AbortSignal): Promise<Asked> {
    const prepared = this.#prepare(message);
    const events = new EventQueue<ConversationEvent>(limits.streamBufferBytes, isTurnEnd);
    const unregister = this.#services.egress.follow(prepared.id, (event) =>
      events.push(event, eventBytes(event)),
    );
    const end = () => events.end();
    signal.addEventListener("abort", end, { once: true });
    events.onEnd(() => {
      unregister();
      signal.removeEventListener("abort", end);
    });
    try {
      const accepted = await this.#accept(prepared);
      const answered = accepted.duplicate ? await this.#answerFromHistory(prepared) : undefined;
      if (answered) events.push(answered, 0);
      return { ...accepted, events };
    } catch (thrown) {
      events.end();
      throw thrown;
    }
  }

  async complete(message: NewMessage, arm: (end: () => void) => () => void): Promise<Completed> {
    const prepared = this.#prepare(message);
    const { promise, resolve } = Promise.withResolvers<TurnEnd | undefined>();
    const unregister = this.#services.egress.wait(prepared.id, resolve);
    const disarm = arm(() => resolve(undefined));
    try {
      const { id, duplicate } = await this.#accept(prepared);
      const answered = duplicate ? await this.#answerFromHistory(prepared) : undefined;
      return { id, duplicate, end: answered ?? (await promise) };
    } finally {
      unregister();
      disarm();
    }
  }

  subscribe(ref: ConversationRef, listen: (event: ConversationEvent) => void): () => void {
    this.#checkAgent(ref);
    return this.#services.egress.watch(conversationKey(ref), listen);
  }

  async history(ref: ConversationRef, { after, limit }: HistoryRange): Promise<HistoryPage> {
    this.#checkAgent(ref);
    const state = await this.#owner(ref).stateOf(ref);
    if (state.next === 0 && !this.#services.pending.holds(ref)) {
      throw new HoldfastError(
        "conversation_not_found",
        `There is no conversation ${conversationKey(ref)}.`,
      );
    }
    const from = after + 1;
    const until = Math.min(state.next, from + limit);
    const messages = await this.#readHistory(ref, state, from, until);
    return { messages, newest: state.next - 1 };
  }

  deadLetters(organization: string | undefined): Promise<readonly DeadLetter[]> {
    return this.#services.deadLetters.list(organization);
  }

  /** A replay that is cut off between its two writes leaves one message: its key stays the same. */
  async replay(organization: string | undefined, id: string): Promise<Replayed> {
    const letter = await this.#services.deadLetters.get(organization, id);
    const { organization: org, agent, conversation, content, depth } = letter.message;
    const options = await readOptions(letter.message, this.#services.blobs);
    const accepted = await this.submit({
      organization: org,
      agent,
      conversation,
      content: await this.#inline(content),
      depth,
      key: `replay.${id}.${letter.at}`,
      ...(options && { options }),
    });
    await this.#services.deadLetters.remove(letter);
    return { ...accepted, conversation };
  }

  async discard(organization: string | undefined, id: string): Promise<void> {
    await this.#services.deadLetters.remove(await this.#services.deadLetters.get(organization, id));
  }

  #prepare(message: NewMessage): InboundMessage {
    this.#checkAgent(message);
    checkContent(message.content);
    const { organization, agent, conversation, key, content, options, depth = 0 } = message;
    const { digest, random, node, clock } = this.#services;
    // The same key gives the same id on every node, so a repeat is recognised wherever it lands.
    const id = key
      ? `m${digest(`${conversationKey(message)}\n${key}`).slice(0, 20)}`
      : `m${random.token(20)}`;
    return {
      id: id as MessageId,
      organization,
      agent,
      conversation,
      content,
      receivedAt: clock.now(),
      replyTo: node,
      depth,
      ...(key !== undefined && {
        key,
        fingerprint: digest(JSON.stringify([content, options ?? null])).slice(0, 16),
      }),
      ...(message.ephemeral && key === undefined && { ephemeral: true }),
      ...(options && { options }),
    };
  }

  async #accept(message: InboundMessage): Promise<Accepted> {
    if (message.key !== undefined) {
      const owner = this.#owner(message);
      const state = owner.loadedStateOf(message) ?? (await owner.stateOf(message));
      // Nothing may be awaited between this look and `pending.add`: two with one key could pass.
      if (this.#isRepeat(message, state)) {
        await this.#services.pending.get(message.id)?.durable;
        return { id: message.id, duplicate: true };
      }
    }
    const { pending } = this.#services;
    this.#owner(message);
    pending.admit(message);
    const durable = this.#append(message);
    pending.add(message, durable);
    try {
      await durable;
    } catch (thrown) {
      pending.remove(message.id);
      throw thrown;
    }
    return { id: message.id, duplicate: false };
  }

  async #append(message: InboundMessage): Promise<void> {
    const { blobs, inbox, partitions, reach } = this.#services;
    reach("beforeInboxAppend");
    const stored = await withLargePartsAsBlobs(message, blobs);
    const partition = partitionOf(message, partitions);
    const { sequence } = await inbox(partition).append(stored);
    reach("afterInboxAppend");
    this.#services.owner(partition)?.nudge(sequence);
  }

  /** Errors: `idempotency_conflict`. */
  #isRepeat(message: InboundMessage, state: ConversationState): boolean {
    const waiting = this.#services.pending.get(message.id);
    const known = state.seen.get(message.id)?.fingerprint ?? waiting?.fingerprint;
    if (known === undefined) return false;
    if (known !== message.fingerprint) {
      throw new HoldfastError(
        "idempotency_conflict",
        "This Idempotency-Key was used in the conversation before, with another content.",
      );
    }
    return true;
  }

  /** The end of the turn of a repeat, when the history has it; else it is still to come. */
  async #answerFromHistory(message: InboundMessage): Promise<TurnEnd | undefined> {
    const state = await this.#owner(message).stateOf(message);
    const seen = state.seen.get(message.id);
    if (!seen) return undefined;
    if (seen.index < 0) return droppedEvent(message.id);
    const messages = await this.#turnFrom(message, state, seen.index);
    const turn = messages[0]?.turn;
    if (turn === undefined) return undefined;
    return { type: "committed", turn, inputs: [message.id], messages, ...outcomeOf(messages) };
  }

  /** The messages of the turn whose input stands at an index. */
  async #turnFrom(
    ref: ConversationRef,
    state: ConversationState,
    from: number,
  ): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let next = from; next < state.next; next += limits.historyPageMessages) {
      const until = Math.min(state.next, next + limits.historyPageMessages);
      for (const message of await this.#readHistory(ref, state, next, until)) {
        if (found[0] && message.turn !== found[0].turn) return found;
        found.push(message);
      }
    }
    return found;
  }

  /** Messages with an index from `from` up to `until` (exclusive), long texts filled in. */
  async #readHistory(
    ref: ConversationRef,
    state: ConversationState,
    from: number,
    until: number,
  ): Promise<StoredMessage[]> {
    // Taken before the pages are read: what is sealed meanwhile stands in both.
    const tail = state.tail.filter(({ index }) => index >= from && index < until);
    const sealedUntil = Math.min(until, state.tail[0]?.index ?? state.next);
    const sealed =
      from < sealedUntil
        ? await this.#services.history.read(conversationKey(ref), from, sealedUntil)
        : [];
    return Promise.all([...sealed, ...tail].map((message) => this.#withLongText(message)));
  }

  async #withLongText(message: StoredMessage): Promise<StoredMessage> {
    if (message.blob === undefined) return message;
    const { blob, ...rest } = message;
    return { ...rest, text: await this.#blobText(blob) };
  }

  async #inline(content: InboundContent): Promise<InboundContent> {
    if (content.type !== "blob") return content;
    return { type: "text", text: await this.#blobText(content.blob) };
  }

  async #blobText(key: string): Promise<string> {
    const bytes = await this.#services.blobs.get(key);
    if (!bytes) throw new HoldfastError("data_corrupt", `Blob ${key} is missing.`);
    return new TextDecoder().decode(bytes);
  }

  #owner(ref: ConversationRef): Partition {
    const owner = this.#services.owner(partitionOf(ref, this.#services.partitions));
    if (owner?.isOpen) return owner;
    throw new HoldfastError("not_ready", "The agent's partition is not open on this node.", {
      retryAfterMs: 1_000,
    });
  }

  #checkAgent({ organization, agent }: ConversationRef): void {
    const { resources } = this.#services;
    if (!resources.organization(organization)) {
      throw new HoldfastError(
        "organization_not_found",
        `There is no organization ${organization}.`,
      );
    }
    if (!resources.agent({ organization, agent })) {
      throw new HoldfastError("agent_not_found", `There is no agent ${organization}/${agent}.`);
    }
  }
}

function checkContent(content: InboundContent): void {
  const texts =
    content.type === "text"
      ? [content.text]
      : content.type === "tool-results"
        ? content.results.map(({ text }) => text)
        : [];
  let bytes = 0;
  for (const text of texts) {
    if (text.includes("\0") || !text.isWellFormed()) {
      throw new HoldfastError(
        "invalid_text",
        "A text holds U+0000 or a lone surrogate; expected well-formed Unicode.",
      );
    }
    bytes += text.length * 3 <= limits.messageTextBytes ? text.length : utf8Bytes(text);
  }
  if (content.type === "tool-results" && bytes * 3 > limits.inlinePayloadBytes) {
    throw new HoldfastError(
      "payload_too_large",
      `The tool results have ${bytes} characters; the limit is ${limits.inlinePayloadBytes / 3}.`,
    );
  }
  if (bytes > limits.messageTextBytes) {
    throw new HoldfastError(
      "payload_too_large",
      `The text has ${bytes} bytes; the limit is ${limits.messageTextBytes}.`,
    );
  }
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/** What would make the record too large stands in the blob store before the record is written. */
async function withLargePartsAsBlobs(
  message: InboundMessage,
  blobs: BlobStore,
): Promise<InboundMessage> {
  const { content, options } = message;
  const isLong = content.type === "text" && content.text.length * 3 > limits.inlinePayloadBytes;
  // Another content under the same key, accepted elsewhere, must not replace this one.
  const blobName = message.fingerprint ? `${message.id}.${message.fingerprint}` : message.id;
  let stored = message;
  if (isLong) {
    const blob = `message.${blobName}`;
    const bytes = new TextEncoder().encode(content.text);
    await blobs.put(blob, bytes);
    stored = { ...stored, content: { type: "blob", blob, bytes: bytes.byteLength } };
  }
  const encoded = options && encodeEntry(options);
  if (encoded && encoded.byteLength > limits.inlinePayloadBytes) {
    const optionsBlob = `options.${blobName}`;
    await blobs.put(optionsBlob, encoded);
    const { options: _, ...rest } = stored;
    stored = { ...rest, optionsBlob };
  }
  return stored;
}

function eventBytes(event: ConversationEvent): number {
  return event.type === "delta" ? 2 * event.text.length : 0;
}
