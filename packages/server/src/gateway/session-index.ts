import {
  agentKey,
  type AgentRef,
  type Clock,
  type ConversationId,
  type ConversationRef,
  HoldfastError,
  type KeyValue,
  toHoldfastError,
} from "@holdfast/core";
import { z } from "zod";
import { gatewayLimits } from "./limits.ts";

/** Of each agent its newest sessions: one small record, whatever the agent has in all. */
export const sessionBucket = "sessions";

export interface KnownSession {
  readonly conversation: ConversationId;
  /** Of the last message that a gateway saw; milliseconds since 1970. */
  readonly at: number;
}

export interface SessionIndexOptions {
  /** Undefined where a node may not write it: then it knows only what it saw itself. */
  readonly keyValue: KeyValue | undefined;
  readonly clock: Clock;
  readonly report: (error: HoldfastError, where: string) => void;
}

const recordSchema = z.object({
  v: z.literal(1),
  sessions: z.array(z.object({ c: z.string(), at: z.number() })),
});

interface Known {
  readonly ref: AgentRef;
  readonly at: Map<ConversationId, number>;
  isWriting: boolean;
  cancelWrite: (() => void) | undefined;
  /** The newest reading, and when it began (monotonic ms). */
  reading: { readonly at: number; readonly done: Promise<void> } | undefined;
}

/**
 * Which sessions there are, for lists that people choose from. A help, not a record: conversations are
 * there without it, and what a node saw in its last moments may be missing when it dies.
 */
export class SessionIndex {
  readonly #options: SessionIndexOptions;
  /** By agent, the one untouched for longest first. */
  readonly #agents = new Map<string, Known>();
  #mayWrite: boolean;

  constructor(options: SessionIndexOptions) {
    this.#options = options;
    this.#mayWrite = options.keyValue !== undefined;
  }

  /** Somebody wrote in a session, or an agent answered in it. Never waits. */
  touch(ref: ConversationRef): void {
    const known = this.#known(ref);
    const isNew = !known.at.has(ref.conversation);
    add(known.at, ref.conversation, this.#options.clock.now());
    this.#writeIn(known, isNew ? 0 : gatewayLimits.indexWriteMs);
  }

  /** The newest first. What other nodes saw is missing while the engine does not answer. */
  async recent(ref: AgentRef): Promise<readonly KnownSession[]> {
    const known = this.#known(ref);
    const now = this.#options.clock.monotonic();
    if (!known.reading || now - known.reading.at > gatewayLimits.indexReadMs) {
      known.reading = { at: now, done: this.#read(known) };
    }
    await known.reading.done;
    return [...known.at]
      .map(([conversation, at]) => ({ conversation, at }))
      .sort((a, b) => b.at - a.at);
  }

  close(): void {
    for (const known of this.#agents.values()) known.cancelWrite?.();
    this.#mayWrite = false;
  }

  #known(ref: AgentRef): Known {
    const key = agentKey(ref);
    const { organization, agent } = ref;
    const known = this.#agents.get(key) ?? {
      ref: { organization, agent },
      at: new Map(),
      isWriting: false,
      cancelWrite: undefined,
      reading: undefined,
    };
    this.#agents.delete(key);
    this.#agents.set(key, known);
    if (this.#agents.size > gatewayLimits.indexedAgents) {
      for (const [oldest, { isWriting, cancelWrite }] of this.#agents) {
        if (isWriting || cancelWrite) continue;
        this.#agents.delete(oldest);
        break;
      }
    }
    return known;
  }

  async #read({ ref, at }: Known): Promise<void> {
    try {
      const entry = await this.#options.keyValue?.get(sessionBucket, storageKey(ref));
      merge(at, entry?.value);
    } catch (thrown) {
      this.#options.report(toHoldfastError(thrown), "gateway sessions");
    }
  }

  #writeIn(known: Known, delayMs: number): void {
    if (!this.#mayWrite || known.isWriting) return;
    if (known.cancelWrite && delayMs > 0) return;
    known.cancelWrite?.();
    known.cancelWrite = this.#options.clock.schedule(delayMs, () => {
      known.cancelWrite = undefined;
      known.isWriting = true;
      this.#write(known)
        .catch((thrown: unknown) => this.#fail(toHoldfastError(thrown)))
        .finally(() => {
          known.isWriting = false;
        });
    });
  }

  async #write({ ref, at }: Known): Promise<void> {
    const { keyValue } = this.#options;
    const key = storageKey(ref);
    for (let tries = 0; keyValue && tries < gatewayLimits.indexWriteTries; tries += 1) {
      const entry = await keyValue.get(sessionBucket, key);
      merge(at, entry?.value);
      const sessions = [...at].map(([c, time]) => ({ c, at: time }));
      const value = new TextEncoder().encode(JSON.stringify({ v: 1, sessions }));
      try {
        await keyValue.update(sessionBucket, key, value, entry?.revision ?? 0);
        return;
      } catch (thrown) {
        if (!(thrown instanceof HoldfastError) || thrown.code !== "revision_conflict") throw thrown;
      }
    }
  }

  #fail(error: HoldfastError): void {
    if (error.code === "engine_forbidden") this.#mayWrite = false;
    this.#options.report(error, "gateway sessions");
  }
}

function storageKey({ organization, agent }: AgentRef): string {
  return `${organization}.${agent}`;
}

function add(known: Map<ConversationId, number>, conversation: ConversationId, at: number): void {
  known.set(conversation, Math.max(at, known.get(conversation) ?? 0));
  if (known.size <= gatewayLimits.sessionsPerAgent) return;
  let oldest: [ConversationId, number] | undefined;
  for (const each of known) if (!oldest || each[1] < oldest[1]) oldest = each;
  if (oldest) known.delete(oldest[0]);
}

/** A record that cannot be read says nothing. */
function merge(known: Map<ConversationId, number>, value: Uint8Array | undefined): void {
  if (!value) return;
  try {
    const record = recordSchema.parse(JSON.parse(new TextDecoder().decode(value)));
    for (const { c, at } of record.sessions) add(known, c as ConversationId, at);
  } catch {
    // It is written anew with the next session.
  }
}
