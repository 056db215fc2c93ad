import { HoldfastError } from "../errors.ts";
import type { MessageId, NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { type ConversationEvent, isTurnEnd, type TurnEnd } from "../messages.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import { decodeEntry, encodeEntry } from "./records.ts";

type Listener = (event: ConversationEvent) => void;

interface RemoteEvent {
  readonly inputs: readonly MessageId[];
  readonly event: ConversationEvent;
}

/**
 * Stage 7 of the message path: what happened goes to those who wait for it. API clients are served
 * here; an input that another node accepted has its events sent to that node.
 */
export class Egress {
  readonly #node: NodeId;
  readonly #bus: Bus;
  readonly #watchers = new Map<string, Set<Listener>>();
  readonly #followers = new Map<MessageId, Set<Listener>>();
  readonly #waiters = new Map<MessageId, Set<(end: TurnEnd) => void>>();
  readonly #remote: Subscription;

  constructor(node: NodeId, bus: Bus) {
    this.#node = node;
    this.#bus = bus;
    this.#remote = bus.subscribe(`node.${node}.events`, (_, data) => {
      const { inputs, event } = decodeEntry<RemoteEvent>(data);
      this.#toWaiters(inputs, event);
    });
  }

  /** True when the end of the turn that handles these inputs has anybody to go to. */
  isHeard(conversation: string, inputs: readonly EventInput[]): boolean {
    return (
      this.#watchers.has(conversation) ||
      inputs.some(({ id, replyTo }) => this.#waiters.has(id) || this.#isElsewhere(replyTo))
    );
  }

  /** True when what happens on the way to the end has anybody to go to. */
  isFollowed(conversation: string, inputs: readonly EventInput[]): boolean {
    return (
      this.#watchers.has(conversation) ||
      inputs.some(({ id, replyTo }) => this.#followers.has(id) || this.#isElsewhere(replyTo))
    );
  }

  emit(conversation: string, inputs: readonly EventInput[], event: ConversationEvent): void {
    const ids = inputs.map(({ id }) => id);
    this.#toWaiters(ids, event);
    for (const listen of this.#watchers.get(conversation) ?? []) listen(event);
    if (!inputs.some(({ replyTo }) => this.#isElsewhere(replyTo))) return;
    for (const node of new Set(inputs.map(({ replyTo }) => replyTo))) {
      if (this.#isElsewhere(node)) {
        const remote: RemoteEvent = { inputs: ids, event };
        this.#bus.publish(`node.${node}.events`, encodeEntry(remote));
      }
    }
  }

  /** All events of a conversation. Errors: `node_busy`. */
  watch(conversation: string, listen: Listener): () => void {
    const watchers = this.#watchers.get(conversation);
    if (watchers && watchers.size >= limits.streamSubscribersPerConversation) {
      const problem = `The conversation already has ${watchers.size} event streams.`;
      throw new HoldfastError("node_busy", problem, { retryAfterMs: 5_000 });
    }
    return register(this.#watchers, conversation, listen);
  }

  /** All events of the turn that handles one message. */
  follow(message: MessageId, listen: Listener): () => void {
    const leave = register(this.#followers, message, listen);
    const stopWaiting = this.wait(message, listen);
    return () => {
      leave();
      stopWaiting();
    };
  }

  /** Only the end of the turn that handles one message. */
  wait(message: MessageId, listen: (end: TurnEnd) => void): () => void {
    return register(this.#waiters, message, listen);
  }

  close(): void {
    this.#remote.close();
  }

  #isElsewhere(node: NodeId | undefined): node is NodeId {
    return node !== undefined && node !== this.#node;
  }

  #toWaiters(ids: readonly MessageId[], event: ConversationEvent): void {
    for (const id of ids) {
      if (isTurnEnd(event)) for (const listen of this.#waiters.get(id) ?? []) listen(event);
      else for (const listen of this.#followers.get(id) ?? []) listen(event);
    }
  }
}

/** What egress needs to know of an input. */
export interface EventInput {
  readonly id: MessageId;
  readonly replyTo?: NodeId;
}

function register<Key, Listen>(map: Map<Key, Set<Listen>>, key: Key, listen: Listen): () => void {
  const listeners = map.get(key) ?? new Set<Listen>();
  map.set(key, listeners.add(listen));
  return () => {
    listeners.delete(listen);
    if (listeners.size === 0 && map.get(key) === listeners) map.delete(key);
  };
}
