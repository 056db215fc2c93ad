import { HoldfastError } from "@holdfast/core";
import type { Http } from "./http.ts";
import { clientLimits } from "./limits.ts";
import { mayRepeat, pause, retryDelayMs } from "./retry.ts";
import type {
  Answer,
  AskOptions,
  ConversationAddress,
  HistoryOptions,
  HistoryPage,
  SendOptions,
  Sent,
  StoredMessage,
  WatchEvent,
  WatchOptions,
} from "./types.ts";
import { watch } from "./watch.ts";

export interface ConversationCalls {
  /** Resolves when the message is durable. Safe to call again with the same key. */
  send(to: ConversationAddress, text: string, options?: SendOptions): Promise<Sent>;
  /**
   * Sends a message and waits for its answer, over lost connections and restarts of the node, until
   * `waitMs` is over. Errors: those of `send`, `wait_timeout`, and what made the turn fail.
   */
  ask(to: ConversationAddress, text: string, options?: AskOptions): Promise<Answer>;
  history(of: ConversationAddress, options?: HistoryOptions): Promise<HistoryPage>;
  /** The whole history, oldest first, page by page. */
  historyAll(of: ConversationAddress, options?: HistoryOptions): AsyncIterable<StoredMessage>;
  /** Events until the signal ends them; reconnects by itself. */
  watch(of: ConversationAddress, options: WatchOptions): AsyncIterable<WatchEvent>;
}

export interface ConversationSettings {
  readonly heartbeatTimeoutMs: number;
  readonly reconnectMinMs: number;
}

export function conversationCalls(http: Http, settings: ConversationSettings): ConversationCalls {
  const history = async (of: ConversationAddress, options: HistoryOptions = {}) => {
    const query = `after=${options.after ?? -1}&limit=${options.limit ?? clientLimits.pageItems}`;
    const reply = await http.call({
      method: "GET",
      path: `${conversationPath(of)}/messages?${query}`,
      repeat: "harmless",
      signal: options.signal,
    });
    return reply.body as HistoryPage;
  };

  return {
    history,
    async send(to, text, options = {}) {
      const key = options.key ?? newIdempotencyKey();
      const reply = await postMessage(http, to, text, { key, signal: options.signal });
      return { ...(reply.body as Omit<Sent, "key">), key };
    },
    ask: (to, text, options = {}) => ask(http, to, text, options),
    async *historyAll(of, options = {}) {
      let after = options.after ?? -1;
      for (;;) {
        const page = await history(of, { ...options, after });
        yield* page.messages;
        const last = page.messages.at(-1);
        if (!last || last.index >= page.newest) return;
        after = last.index;
      }
    },
    watch: (of, options) => {
      const query = options.after === undefined ? "" : `?after=${options.after}`;
      const path = `${conversationPath(of)}/events${query}`;
      return watch(http, path, { ...settings, signal: options.signal });
    },
  };
}

/** A key that no other message has. */
export function newIdempotencyKey(): string {
  return crypto.randomUUID();
}

interface Posting {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  readonly waitMs?: number;
}

function postMessage(http: Http, to: ConversationAddress, text: string, posting: Posting) {
  const { key, signal, waitMs } = posting;
  return http.call({
    method: "POST",
    path: `${conversationPath(to)}/messages`,
    body: { text },
    headers: {
      "idempotency-key": key,
      ...(waitMs === undefined ? {} : { prefer: `wait=${Math.max(1, Math.ceil(waitMs / 1_000))}` }),
    },
    repeat: "harmless",
    signal,
    ...(waitMs === undefined ? {} : { timeoutMs: waitMs + clientLimits.waitGraceMs }),
  });
}

/** A long wait is cut into slices that repeat the message with its key, so no proxy times it out. */
async function ask(
  http: Http,
  to: ConversationAddress,
  text: string,
  options: AskOptions,
): Promise<Answer> {
  const key = options.key ?? newIdempotencyKey();
  const deadline = performance.now() + (options.waitMs ?? clientLimits.waitSliceMs);
  for (let failures = 0; ; ) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) throw waitIsOver(to);
    const waitMs = Math.min(remainingMs, clientLimits.waitSliceMs);
    const begun = performance.now();
    try {
      const reply = await postMessage(http, to, text, { key, signal: options.signal, waitMs });
      const body = reply.body as Partial<Answer>;
      if (reply.status === 200) return { reply: "", ...body, key } as Answer;
      failures = 0;
      // Accepted without an answer: the node did not wait to the end, so do not ask in a tight loop.
      const earlyMs = clientLimits.retryMinMs - (performance.now() - begun);
      if (earlyMs > 0) await pause(earlyMs, options.signal);
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError)) throw thrown;
      if (thrown.code === "wait_timeout") continue;
      if (!mayRepeat(thrown, "harmless")) throw thrown;
      failures += 1;
      const delayMs = retryDelayMs(failures, thrown.retryAfterMs);
      if (delayMs === undefined || performance.now() + delayMs >= deadline) throw thrown;
      await pause(delayMs, options.signal);
    }
  }
}

function waitIsOver(to: ConversationAddress): HoldfastError {
  return new HoldfastError(
    "wait_timeout",
    `${to.organization}/${to.agent} has not answered in conversation ${to.conversation} yet.`,
  );
}

function conversationPath(of: ConversationAddress): string {
  const [organization, agent, conversation] = [of.organization, of.agent, of.conversation].map(
    encodeURIComponent,
  );
  return `/api/v1/orgs/${organization}/agents/${agent}/conversations/${conversation}`;
}
