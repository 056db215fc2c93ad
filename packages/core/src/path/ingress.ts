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
import { HoldfastError, toHoldfastError } from "../errors.ts";
import { type ConversationRef, conversationKey, type MessageId, type NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import {
  type ConversationEvent,
  type DeadLetter,
  type InboundContent,
  type InboundMessage,
  isTurnEnd,
  type TurnEnd,
} from "../messages.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { ReachFailpoint } from "../ports/failpoints.ts";
import type { Random } from "../ports/random.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { Awaited } from "./awaited.ts";
import type { ConversationReader } from "./conversation-reader.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Egress } from "./egress.ts";
import { EventQueue } from "./event-queue.ts";
import type { Inbox } from "./inbox.ts";
import type { MessageLook } from "./looks.ts";
import { lookAtLoaded, type Owners } from "./owners.ts";
import type { DeliveryView } from "../deliveries.ts";
import type { Pending } from "./pending.ts";
import { encodeEntry } from "./records.ts";
import { partitionOf } from "./router.ts";
import { readOptions } from "./turn.ts";

export interface IngressServices {
  readonly node: NodeId;
  readonly partitions: number;
  readonly inbox: (partition: number) => Inbox;
  readonly owners: Owners;
  readonly reader: ConversationReader;
  readonly awaited: Awaited;
  readonly resources: ResourceStore;
  readonly pending: Pending;
  readonly egress: Egress;
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
    const prepared: InboundMessage = { ...this.#prepare(message), isFollowed: true };
    const events = new EventQueue<ConversationEvent>(limits.streamBufferBytes, isTurnEnd);
    const unregister = this.#services.egress.follow(prepared.id, (event) =>
      events.push(event, eventBytes(event)),
    );
    const end = () => events.end();
    let unfollow = () => {};
    signal.addEventListener("abort", end, { once: true });
    events.onEnd(() => {
      unfollow();
      unregister();
      signal.removeEventListener("abort", end);
    });
    try {
      const accepted = await this.#accept(prepared);
      const answered = accepted.duplicate ? await this.#answerFromHistory(prepared) : undefined;
      if (answered) events.push(answered, 0);
      else if (accepted.duplicate && !events.isEnded)
        unfollow = this.#services.awaited.follow(prepared.id, message);
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
    let unfollow = () => {};
    try {
      const { id, duplicate } = await this.#accept(prepared);
      const answered = duplicate ? await this.#answerFromHistory(prepared) : undefined;
      if (answered) return { id, duplicate, end: answered };
      if (duplicate) unfollow = this.#services.awaited.follow(id, message);
      return { id, duplicate, end: await promise };
    } finally {
      unfollow();
      unregister();
      disarm();
    }
  }

  subscribe(ref: ConversationRef, listen: (event: ConversationEvent) => void): () => void {
    this.#checkAgent(ref);
    return this.#services.egress.watch(conversationKey(ref), listen);
  }

  history(ref: ConversationRef, range: HistoryRange): Promise<HistoryPage> {
    this.#checkAgent(ref);
    return this.#services.reader.page(ref, range);
  }

  deliveries(ref: ConversationRef): Promise<readonly DeliveryView[]> {
    this.#checkAgent(ref);
    return this.#services.owners.deliveries(ref);
  }

  async changeDelivery(
    ref: ConversationRef,
    id: string,
    action: "retry" | "discard",
  ): Promise<void> {
    const kept = await this.deliveries(ref);
    const isWaiting = kept.some((each) => each.id === id && isUnfinished(each));
    if (!isWaiting) {
      throw new HoldfastError("delivery_not_found", `No outgoing message ${id} waits there.`);
    }
    const { organization, agent, conversation } = ref;
    const news = { type: action, id, at: this.#services.clock.now() };
    await this.submit({ organization, agent, conversation, content: { type: "delivery", news } });
  }

  deadLetters(organization: string | undefined): Promise<readonly DeadLetter[]> {
    return this.#services.deadLetters.list(organization);
  }

  /** A replay that is cut off between its two writes leaves one message: its key stays the same. */
  async replay(organization: string | undefined, id: string): Promise<Replayed> {
    const letter = await this.#services.deadLetters.get(organization, id);
    const { organization: org, agent, conversation, content, source, depth } = letter.message;
    const options = await readOptions(letter.message, this.#services.blobs);
    const accepted = await this.submit({
      organization: org,
      agent,
      conversation,
      content: await this.#inline(content),
      depth,
      // Whatever letters are written of it, it is replayed once: it goes on under an id of its own.
      key: `replay.${id}`,
      ...(options && { options }),
      ...(source && { source }),
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
    const { organization, agent, conversation, key, content, source, options, depth = 0 } = message;
    const { digest, random, node, clock } = this.#services;
    // The same key gives the same id on every node, so a repeat is recognised wherever it lands.
    const id = key ? messageIdOf(message, key, digest) : `m${random.token(20)}`;
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
        // A platform's event is named by its id alone: addresses in it change with each delivery.
        fingerprint: source
          ? "source"
          : digest(JSON.stringify([content, options ?? null])).slice(0, 16),
      }),
      ...(source && { source }),
      ...(message.ephemeral && key === undefined && { ephemeral: true }),
      ...(options && { options }),
    };
  }

  async #accept(message: InboundMessage): Promise<Accepted> {
    if (message.key !== undefined) {
      // Platforms need not be told of a repeat, which whoever handles it drops; most messages are none.
      const look = message.source ? ({ state: "unknown" } as const) : await this.#look(message);
      // Nothing may be awaited between this look and `pending.add`: two with one key could pass.
      if (this.#isRepeat(message, look)) {
        await this.#services.pending.get(message.id)?.durable;
        return { id: message.id, duplicate: true };
      }
    }
    // News have no answer that this node would hear of, and would count for ever.
    if (message.content.type === "delivery") {
      await this.#append(message);
      return { id: message.id, duplicate: false };
    }
    const { pending } = this.#services;
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

  /**
   * What the owner knows of a message with a key. Without an owner that answers the message is accepted
   * all the same: whoever handles it drops a repeat.
   */
  async #look(message: InboundMessage): Promise<MessageLook> {
    const { owners } = this.#services;
    const local = owners.local(message);
    if (local) {
      if (!local.loadedStateOf(message)) await local.stateOf(message);
      return lookAtLoaded(local, message, message.id) ?? { state: "unknown" };
    }
    try {
      return await owners.message(message, message.id);
    } catch (thrown) {
      if (toHoldfastError(thrown).code !== "not_ready") throw thrown;
      return { state: "unknown" };
    }
  }

  async #append(message: InboundMessage): Promise<void> {
    const { blobs, inbox, partitions, reach } = this.#services;
    reach("beforeInboxAppend");
    const stored = await withLargePartsAsBlobs(message, blobs);
    const partition = partitionOf(message, partitions);
    const { sequence } = await inbox(partition).append(stored);
    reach("afterInboxAppend");
    this.#services.owners.local(message)?.nudge(sequence);
  }

  /** Errors: `idempotency_conflict`. */
  #isRepeat(message: InboundMessage, look: MessageLook): boolean {
    const known = look.fingerprint ?? this.#services.pending.get(message.id)?.fingerprint;
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
    const { owners, reader } = this.#services;
    try {
      const look = await owners.message(message, message.id);
      if (look.state !== "handled") return undefined;
      return await reader.turnEnd(message, message.id, look.index ?? -1);
    } catch (thrown) {
      // While the owner changes: it is asked again until the answer is there.
      if (toHoldfastError(thrown).code !== "not_ready") throw thrown;
      return undefined;
    }
  }

  async #inline(content: InboundContent): Promise<InboundContent> {
    if (content.type !== "blob") return content;
    return { type: "text", text: await this.#services.reader.blobText(content.blob) };
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

/** The id of a message with a key: the same on every node. */
export function messageIdOf(
  ref: ConversationRef,
  key: string,
  digest: (text: string) => string,
): MessageId {
  return `m${digest(`${conversationKey(ref)}\n${key}`).slice(0, 20)}` as MessageId;
}

function isUnfinished({ state, isHeld }: DeliveryView): boolean {
  return isHeld === true || state === "accepted";
}

function checkContent(content: InboundContent): void {
  const texts =
    content.type === "text"
      ? [content.text]
      : content.type === "tool-results"
        ? content.results.map(({ text }) => text)
        : content.type === "notice"
          ? [content.text]
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
