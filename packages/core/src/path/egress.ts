import { HoldfastError } from "../errors.ts";
import type { MessageId, NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { type ConversationEvent, isTurnEnd, type TurnEnd } from "../messages.ts";
import type { Bus, Subscription } from "../ports/bus.ts";
import type { Cancel, Clock } from "../ports/clock.ts";
import { listenOnBus } from "./bus-listener.ts";
import { encodeEntry, framedBytes } from "./records.ts";

type Listener = (event: ConversationEvent) => void;

interface RemoteEvent {
  readonly inputs: readonly MessageId[];
  /** Absent when it is too large for the bus: the end stands in the conversation's history. */
  readonly event?: ConversationEvent;
}

/** A node whose clients watch a conversation that runs elsewhere. */
interface RemoteWatch {
  readonly conversation: string;
  readonly node: NodeId;
}

interface WatchedEvent {
  readonly conversation: string;
  readonly event: ConversationEvent;
}

export interface EgressOptions {
  readonly node: NodeId;
  readonly bus: Bus;
  readonly clock: Clock;
  /** The node that owns a conversation, if it is known. */
  readonly ownerOf: (conversation: string) => NodeId | undefined;
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * Stage 7 of the message path: what happened goes to those who wait for it. API clients are served
 * here; an input that another node accepted has its events sent to that node, once and without memory:
 * what was lost on the way, that node asks for (`awaited.ts`).
 */
export class Egress {
  readonly #options: EgressOptions;
  readonly #watchers = new Map<string, Set<Listener>>();
  readonly #followers = new Map<MessageId, Set<Listener>>();
  readonly #waiters = new Map<MessageId, Set<(end: TurnEnd) => void>>();
  /** Nodes that watch conversations of this one, and until when (monotonic ms) unless they say so again. */
  readonly #remoteWatches = new Map<string, Map<NodeId, number>>();
  readonly #endListeners = new Set<(ids: readonly MessageId[], end: TurnEnd | undefined) => void>();
  readonly #subscriptions: readonly Subscription[];
  #renewal: Cancel;

  constructor(options: EgressOptions) {
    this.#options = options;
    const { bus, node, report } = options;
    const take = (event: RemoteEvent) => this.#take(event);
    const takeWatch = (watch: RemoteWatch) => this.#takeWatch(watch);
    const takeWatched = ({ conversation, event }: WatchedEvent) => {
      for (const listen of this.#watchers.get(conversation) ?? []) listen(event);
    };
    this.#subscriptions = [
      listenOnBus(bus, `node.${node}.events`, take, report),
      listenOnBus(bus, `node.${node}.watch`, takeWatch, report),
      listenOnBus(bus, `node.${node}.watched`, takeWatched, report),
    ];
    this.#renewal = this.#renewEvery();
  }

  /** True when the end of the turn that handles these inputs has anybody to go to. */
  isHeard(conversation: string, inputs: readonly EventInput[]): boolean {
    return (
      this.#isWatched(conversation) ||
      inputs.some(({ id, replyTo }) => this.#waiters.has(id) || this.#isElsewhere(replyTo))
    );
  }

  /** True when what happens on the way to the end has anybody to go to. */
  isFollowed(conversation: string, inputs: readonly EventInput[]): boolean {
    return (
      this.#isWatched(conversation) ||
      inputs.some(
        ({ id, replyTo, isFollowed }) =>
          this.#followers.has(id) || (isFollowed === true && this.#isElsewhere(replyTo)),
      )
    );
  }

  emit(conversation: string, inputs: readonly EventInput[], event: ConversationEvent): void {
    const ids = inputs.map(({ id }) => id);
    this.#toWaiters(ids, event);
    for (const listen of this.#watchers.get(conversation) ?? []) listen(event);
    this.#toRemoteWatchers(conversation, event);
    const isEnd = isTurnEnd(event);
    const nodes = new Set<NodeId>();
    for (const { replyTo, isFollowed } of inputs) {
      if (this.#isElsewhere(replyTo) && (isEnd || isFollowed)) nodes.add(replyTo);
    }
    for (const node of nodes) this.#send(`node.${node}.events`, { inputs: ids, event });
  }

  /** True when this node accepted the message. */
  isHere({ replyTo }: EventInput): boolean {
    return !this.#isElsewhere(replyTo);
  }

  /** Tells only those who wait at the node that accepted the message. */
  tellAccepter({ id, replyTo }: EventInput, end: TurnEnd): void {
    if (this.#isElsewhere(replyTo))
      this.#send(`node.${replyTo}.events`, { inputs: [id], event: end });
    else this.#toWaiters([id], end);
  }

  /** Tells those who wait here for messages what their owner said of them. */
  deliver(ids: readonly MessageId[], end: TurnEnd): void {
    this.#toWaiters(ids, end);
  }

  /**
   * Calls `listen` with the end of each turn that ran elsewhere for messages accepted here; without an
   * end when it must be read from the history.
   */
  onRemoteEnd(listen: (ids: readonly MessageId[], end: TurnEnd | undefined) => void): void {
    this.#endListeners.add(listen);
  }

  /** True when somebody here waits for the end of the turn that handles a message. */
  isAwaited(id: MessageId): boolean {
    return this.#waiters.has(id);
  }

  /** All events of a conversation. Errors: `node_busy`. */
  watch(conversation: string, listen: Listener): () => void {
    const watchers = this.#watchers.get(conversation);
    if (watchers && watchers.size >= limits.streamSubscribersPerConversation) {
      const problem = `The conversation already has ${watchers.size} event streams.`;
      throw new HoldfastError("node_busy", problem, { retryAfterMs: 5_000 });
    }
    const leave = register(this.#watchers, conversation, listen);
    if (!watchers) this.#askToWatch(conversation);
    return leave;
  }

  /** The owner of some conversations changed: what is watched here of them is said again. */
  renewWatches(isOf: (conversation: string) => boolean = () => true): void {
    for (const conversation of this.#watchers.keys()) {
      if (isOf(conversation)) this.#askToWatch(conversation);
    }
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
    this.#renewal();
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #take({ inputs, event }: RemoteEvent): void {
    const isEnd = event === undefined || isTurnEnd(event);
    if (event) this.#toWaiters(inputs, event);
    if (isEnd) for (const listen of this.#endListeners) listen(inputs, event);
  }

  #takeWatch({ conversation, node }: RemoteWatch): void {
    const until = this.#options.clock.monotonic() + 3 * limits.watchRenewalMs;
    const nodes = this.#remoteWatches.get(conversation);
    if (nodes) nodes.set(node, until);
    else if (this.#remoteWatches.size < limits.remoteWatches) {
      this.#remoteWatches.set(conversation, new Map([[node, until]]));
    }
  }

  #toRemoteWatchers(conversation: string, event: ConversationEvent): void {
    const nodes = this.#remoteWatches.get(conversation);
    if (!nodes) return;
    const now = this.#options.clock.monotonic();
    const data = encodeWatched({ conversation, event });
    for (const [node, until] of nodes) {
      if (until < now) nodes.delete(node);
      else if (data) this.#publish(`node.${node}.watched`, data);
    }
    if (nodes.size === 0) this.#remoteWatches.delete(conversation);
  }

  #askToWatch(conversation: string): void {
    const owner = this.#options.ownerOf(conversation);
    if (!this.#isElsewhere(owner)) return;
    const watch: RemoteWatch = { conversation, node: this.#options.node };
    this.#publish(`node.${owner}.watch`, encodeEntry(watch));
  }

  #renewEvery(): Cancel {
    return this.#options.clock.schedule(limits.watchRenewalMs, () => {
      this.renewWatches();
      this.#dropOldWatches();
      this.#renewal = this.#renewEvery();
    });
  }

  #dropOldWatches(): void {
    const now = this.#options.clock.monotonic();
    for (const [conversation, nodes] of this.#remoteWatches) {
      for (const [node, until] of nodes) if (until < now) nodes.delete(node);
      if (nodes.size === 0) this.#remoteWatches.delete(conversation);
    }
  }

  #send(subject: string, remote: RemoteEvent): void {
    const data = encodeEntry(remote);
    if (data.byteLength <= limits.enginePayloadBytes) this.#publish(subject, data);
    else this.#publish(subject, encodeEntry({ inputs: remote.inputs }));
  }

  #publish(subject: string, data: Uint8Array): void {
    this.#options.bus.publish(subject, data);
  }

  #isWatched(conversation: string): boolean {
    return this.#watchers.has(conversation) || this.#remoteWatches.has(conversation);
  }

  #isElsewhere(node: NodeId | undefined): node is NodeId {
    return node !== undefined && node !== this.#options.node;
  }

  #toWaiters(ids: readonly MessageId[], event: ConversationEvent): void {
    for (const id of ids) {
      if (isTurnEnd(event)) for (const listen of this.#waiters.get(id) ?? []) listen(event);
      else for (const listen of this.#followers.get(id) ?? []) listen(event);
    }
  }
}

/**
 * Nothing where it is too large for the bus, which would drop it in silence. Of a large commit the newest messages
 * are told: from the hole before them a watcher knows that it must read the history.
 */
function encodeWatched({ conversation, event }: WatchedEvent): Uint8Array | undefined {
  const data = encodeEntry({ conversation, event });
  if (data.byteLength <= limits.enginePayloadBytes) return data;
  if (event.type !== "committed") return undefined;
  let bytes = encodeEntry({ conversation, event: { ...event, messages: [] } }).byteLength;
  const tooMuch = event.messages.findLastIndex((message) => {
    bytes += framedBytes(encodeEntry(message));
    return bytes > limits.enginePayloadBytes;
  });
  const messages = event.messages.slice(tooMuch + 1);
  if (messages.length === 0) return undefined;
  return encodeEntry({ conversation, event: { ...event, messages } });
}

/** What egress needs to know of an input. */
export interface EventInput {
  readonly id: MessageId;
  readonly replyTo?: NodeId;
  readonly isFollowed?: true;
}

function register<Key, Listen>(map: Map<Key, Set<Listen>>, key: Key, listen: Listen): () => void {
  const listeners = map.get(key) ?? new Set<Listen>();
  map.set(key, listeners.add(listen));
  return () => {
    listeners.delete(listen);
    if (listeners.size === 0 && map.get(key) === listeners) map.delete(key);
  };
}
