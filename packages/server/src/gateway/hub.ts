import {
  type Asked,
  type Clock,
  type ConversationRef,
  conversationKey,
  type Conversations,
  delay,
  type HoldfastError,
  type MessageId,
  type NewMessage,
} from "@holdfast/core";
import { hash } from "node:crypto";
import { gatewayLimits } from "./limits.ts";
import { LiveSession, type SessionListener } from "./live-session.ts";
import { errorShape, failureShape, invalidRequest } from "./protocol.ts";
import type { Run } from "./run.ts";
import type { SessionIndex } from "./session-index.ts";

export interface HubOptions {
  readonly conversations: Conversations;
  readonly clock: Clock;
  readonly index: SessionIndex;
  readonly report: (error: HoldfastError, where: string) => void;
}

export interface NewRun {
  readonly ref: ConversationRef;
  readonly id: string;
  readonly text: string;
  readonly timeoutMs: number;
  /** Added behind the agent's own instructions. */
  readonly instructions?: string;
}

export interface StartedRun {
  readonly run: Run;
  /** The message was accepted before, here or at another node. */
  readonly isRepeat: boolean;
  /** Lets the run's events come: called once the client knows that it is accepted. */
  readonly follow: () => void;
}

interface Beginning {
  /** Hash of its message. */
  readonly text: string;
  readonly started: Promise<StartedRun>;
}

/** The sessions that clients of this node follow and the runs that they began, over all connections. */
export class SessionHub {
  readonly #options: HubOptions;
  readonly #sessions = new Map<string, LiveSession>();
  /** By organization and id; the ended ones in the order in which they ended. */
  readonly #runs = new Map<string, Run>();
  /** Hashes of the messages that began them. */
  readonly #texts = new WeakMap<Run, string>();
  /** Runs whose message is being accepted, by session and id. */
  readonly #beginning = new Map<string, Beginning>();
  /** Ends the following of the runs that have not ended. */
  readonly #stops = new Map<Run, AbortController>();
  readonly #ended = new Map<string, number>();
  /** Run ids by message, the newest. */
  readonly #runIds = new Map<MessageId, string>();
  #endedChars = 0;
  #isClosed = false;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Errors: those of `Conversations.subscribe`. */
  listen(ref: ConversationRef, listener: SessionListener): () => void {
    const session = this.#session(ref);
    try {
      return session.listen(listener);
    } catch (thrown) {
      if (session.runs.length === 0) this.#sessions.delete(conversationKey(ref));
      throw thrown;
    }
  }

  /** Runs of a session that have not ended, as far as this node knows. */
  activeRuns(ref: ConversationRef): readonly Run[] {
    return this.#sessions.get(conversationKey(ref))?.runs ?? [];
  }

  /** The newest run of that id that a client of this node began; with null in any organization. */
  run(organization: string | null, id: string): Run | undefined {
    if (organization !== null) return this.#runs.get(runKey(organization, id));
    const ending = runKey("", id);
    const keys = [...this.#runs.keys()].filter((key) => key.endsWith(ending));
    return this.#runs.get(keys.at(-1) ?? "");
  }

  /**
   * Accepts a message; its run's id is its idempotency key, so the same id again is the same run, at whatever
   * node. Errors: those of `Conversations.submit`, `INVALID_REQUEST`.
   */
  async start(wanted: NewRun): Promise<StartedRun> {
    const { ref, id } = wanted;
    const key = `${conversationKey(ref)}\n${id}`;
    const text = hash("sha256", wanted.text);
    const beginning = this.#beginning.get(key);
    if (beginning) {
      requireSame(beginning.text, text);
      return repeatOf((await beginning.started).run);
    }
    const session = this.#session(ref);
    const known = session.runs.find((run) => run.id === id && !run.isForeign);
    if (known) {
      requireSame(this.#texts.get(known), text);
      return repeatOf(known);
    }
    const started = this.#begin(session, wanted);
    this.#beginning.set(key, { text, started });
    try {
      const begun = await started;
      this.#texts.set(begun.run, text);
      return begun;
    } finally {
      this.#beginning.delete(key);
    }
  }

  /** The id of the run that a message began, if a client of this node did a while ago. */
  runIdOf(id: MessageId): string | undefined {
    return this.#runIds.get(id);
  }

  /** Ends a run for its clients. */
  abort(run: Run): void {
    run.end({ status: "aborted" });
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops.values()) stop.abort();
    this.#stops.clear();
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  async #begin(session: LiveSession, wanted: NewRun): Promise<StartedRun> {
    const { ref, id, text, instructions } = wanted;
    const key = runKey(ref.organization, id);
    const stop = new AbortController();
    const message: NewMessage = {
      ...ref,
      content: { type: "text", text },
      key: messageKey(id),
      ...(instructions !== undefined && { options: { instructions } }),
    };
    let asked: Asked | undefined;
    const run = await session.open(id, async () => {
      asked = await this.#options.conversations.ask(message, stop.signal);
      this.#name(asked.id, id);
      return asked.id;
    });
    this.#forgetEnded(key);
    this.#runs.set(key, run);
    this.#stops.set(run, stop);
    void run.ended.then(() => {
      stop.abort();
      this.#stops.delete(run);
      this.#remember(key, run);
    });
    this.#options.index.touch(ref);
    const first = asked as Asked;
    return {
      run,
      isRepeat: first.duplicate,
      follow: () => void this.#follow(session, run, message, first, wanted.timeoutMs),
    };
  }

  /**
   * Hands over the run's events until it ends. A turn that failed for now is tried again by its owner, so
   * the run goes on: the same message is asked for again, which changes nothing but tells of its end.
   */
  async #follow(
    session: LiveSession,
    run: Run,
    message: NewMessage,
    first: Asked,
    timeoutMs: number,
  ): Promise<void> {
    const { clock, conversations } = this.#options;
    const signal = this.#stops.get(run)?.signal;
    if (!signal) return;
    let trouble = failureShape(
      "wait_timeout",
      "The message is durable; its answer is not ready yet.",
    );
    const cancel = clock.schedule(timeoutMs, () => run.end({ status: "timeout", error: trouble }));
    let asked: Asked | undefined = first;
    let pauseMs: number = gatewayLimits.followRetryMs;
    try {
      while (!run.outcome && !this.#isClosed) {
        try {
          asked ??= await conversations.ask(message, signal);
          for await (const event of asked.events) {
            session.take(run, event);
            if (event.type !== "failed") continue;
            trouble = failureShape(event.code, event.message, event.retryAfterMs);
            pauseMs = event.retryAfterMs ?? pauseMs;
          }
        } catch (thrown) {
          trouble = errorShape(thrown);
          if (!trouble.retryable) run.end({ status: "error", error: trouble });
        }
        asked = undefined;
        if (run.outcome) break;
        await delay(clock, Math.min(pauseMs, gatewayLimits.followRetryMaxMs), signal);
        pauseMs = Math.min(2 * pauseMs, gatewayLimits.followRetryMaxMs);
      }
    } finally {
      cancel();
    }
  }

  #session(ref: ConversationRef): LiveSession {
    const key = conversationKey(ref);
    let session = this.#sessions.get(key);
    if (!session) {
      const { conversations, clock, report, index } = this.#options;
      const own = {
        organization: ref.organization,
        agent: ref.agent,
        conversation: ref.conversation,
      };
      const made = new LiveSession({
        ref: own,
        conversations,
        clock,
        report,
        runIdOf: (id) => this.runIdOf(id),
        onIdle: () => {
          if (this.#sessions.get(key) === made) this.#sessions.delete(key);
        },
        onActivity: () => index.touch(own),
      });
      session = made;
      this.#sessions.set(key, session);
    }
    return session;
  }

  /** Ended runs are kept for those who ask later, within bounds. */
  #remember(key: string, run: Run): void {
    if (this.#runs.get(key) !== run) return;
    const chars = run.outcome?.status === "ok" ? run.outcome.text.length : run.text.length;
    this.#ended.set(key, chars);
    this.#endedChars += chars;
    for (const oldest of this.#ended.keys()) {
      const isTooMuch =
        this.#ended.size > gatewayLimits.endedRuns ||
        this.#endedChars > gatewayLimits.endedRunChars;
      if (!isTooMuch) break;
      this.#forgetEnded(oldest);
    }
  }

  #name(id: MessageId, runId: string): void {
    this.#runIds.delete(id);
    this.#runIds.set(id, runId);
    if (this.#runIds.size <= gatewayLimits.namedRuns) return;
    for (const oldest of this.#runIds.keys()) {
      this.#runIds.delete(oldest);
      return;
    }
  }

  #forgetEnded(key: string): void {
    const chars = this.#ended.get(key);
    if (chars === undefined) return;
    this.#ended.delete(key);
    this.#endedChars -= chars;
    this.#runs.delete(key);
  }
}

/** Errors: `INVALID_REQUEST`. */
function requireSame(known: string | undefined, text: string): void {
  if (known === text) return;
  throw invalidRequest("the idempotency key was used with another message");
}

/** Whoever began it lets its events come. */
function repeatOf(run: Run): StartedRun {
  return { run, isRepeat: true, follow() {} };
}

function runKey(organization: string, id: string): string {
  return `${organization}\n${id}`;
}

/** A message's key is visible ASCII; what else clients choose stands as its hash. */
function messageKey(id: string): string {
  return /^[\x21-\x7e]{1,255}$/.test(id) ? id : `key-${hash("sha256", id).slice(0, 40)}`;
}
