import { type ConversationRef, HoldfastError, limits } from "@holdfast/core";
import { type Answer, type Client, newIdempotencyKey } from "@holdfast/sdk";

export interface Delivery {
  /** Called once, when the message is durable. */
  accepted?(id: string): void;
  /** Called before each new try after one that failed. */
  retrying?(error: HoldfastError): void;
}

/**
 * Brings one message to its answer, however often the node goes away in between: every try carries
 * the same Idempotency-Key, so the message takes effect once. Errors: those that no repeat mends, and
 * the signal's reason.
 */
export async function deliver(
  client: Client,
  to: ConversationRef,
  text: string,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Answer> {
  const key = newIdempotencyKey();
  const sent = await persist(() => client.send(to, text, { key, signal }), delivery, signal);
  delivery.accepted?.(sent.id);
  const waitMs = limits.waitMaxMs;
  return persist(() => client.ask(to, text, { key, waitMs, signal }), delivery, signal);
}

async function persist<Value>(
  attempt: () => Promise<Value>,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Value> {
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      const hopeless = !(thrown instanceof HoldfastError) || thrown.retry === "never";
      if (hopeless || thrown.code === "internal") throw thrown;
      if (thrown.code === "wait_timeout") continue;
      delivery.retrying?.(thrown);
      await sleep(thrown.retryAfterMs ?? retryMs, signal);
    }
  }
}

/** The client has tried with rising delays before; this is the pace of a long outage. */
const retryMs = 1_000;

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => reject(new DOMException("Aborted", "AbortError"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}
