import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { QueuedUpdate, UpdateQueue } from "./update-queue.ts";

export interface Registered {
  readonly url: string;
  readonly secret: string;
  readonly maxConnections: number;
}

export interface WebhookSender {
  /** Undefined: no webhook. */
  registered: Registered | undefined;
  /** Addresses behind the registered one, taken in turn; without any, the registered one itself. */
  deliverTo(urls: readonly string[], ca: string | undefined): void;
  readonly lastError: { readonly date: number; readonly message: string } | undefined;
  /** Sends what can be sent now. */
  deliver(): void;
  close(): void;
}

interface Hooks {
  /** Whether the acknowledgement is lost on its way. */
  readonly isAckLost: () => boolean;
  readonly isSlow: () => boolean;
}

const timeoutMs = 15_000;
const pauseMinMs = 50;
const pauseMaxMs = 5_000;
const slowMs = 1_000;

/**
 * Many updates at once, those of one chat one after the other, each again with growing pauses until its
 * answer is a 2xx. The Bot API server does the same.
 */
export function createWebhookSender(queue: UpdateQueue, hooks: Hooks): WebhookSender {
  const inFlight = new Set<QueuedUpdate>();
  const pausing = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  const stopped = new AbortController();
  let urls: readonly string[] = [];
  let ca: string | undefined;
  let turn = 0;
  let lastError: WebhookSender["lastError"];

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };

  const sender: WebhookSender = {
    registered: undefined,
    deliverTo(newUrls, newCa) {
      urls = newUrls;
      ca = newCa;
      failures.clear();
      sender.deliver();
    },
    get lastError() {
      return lastError;
    },
    deliver() {
      const { registered } = sender;
      if (!registered || stopped.signal.aborted) return;
      const busy = new Set([...inFlight].map(({ chat }) => chat));
      for (const update of queue.waiting) {
        if (inFlight.size >= registered.maxConnections) return;
        if (busy.has(update.chat) || pausing.has(update.chat)) continue;
        busy.add(update.chat);
        inFlight.add(update);
        void deliverOne(update, registered);
      }
    },
    close() {
      stopped.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
  return sender;

  async function deliverOne(update: QueuedUpdate, registered: Registered): Promise<void> {
    const url = urls.length === 0 ? registered.url : (urls[turn % urls.length] ?? registered.url);
    turn += 1;
    const fault = await post(url, registered.secret, JSON.stringify(bodyOf(update)));
    if (stopped.signal.aborted) return;
    inFlight.delete(update);
    if (fault === undefined && !hooks.isAckLost()) {
      failures.delete(update.chat);
      if (update.isRepeated) update.isRepeated = false;
      else queue.remove(update);
    } else {
      if (fault !== undefined) lastError = { date: Math.floor(Date.now() / 1_000), message: fault };
      const count = failures.get(update.chat) ?? 0;
      failures.set(update.chat, count + 1);
      pausing.add(update.chat);
      later(Math.min(pauseMaxMs, pauseMinMs * 2 ** count), () => {
        pausing.delete(update.chat);
        sender.deliver();
      });
    }
    sender.deliver();
  }

  /** Resolves with what went wrong. */
  function post(url: string, secret: string, body: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const send = url.startsWith("https:") ? httpsRequest : httpRequest;
      const request = send(
        url,
        {
          method: "POST",
          signal: stopped.signal,
          timeout: timeoutMs,
          agent: false,
          ...(ca === undefined ? {} : { ca }),
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
            ...(secret === "" ? {} : { "x-telegram-bot-api-secret-token": secret }),
          },
        },
        (answer) => {
          answer.resume();
          const status = answer.statusCode ?? 0;
          const isFine = status >= 200 && status < 300;
          const fault = `Wrong response from the webhook: ${status} ${answer.statusMessage ?? ""}`;
          answer.on("close", () => resolve(isFine ? undefined : fault));
        },
      );
      request.on("timeout", () => request.destroy(new Error("Read timeout expired")));
      request.on("error", (error) => resolve(error.message));
      if (!hooks.isSlow()) {
        request.end(body);
        return;
      }
      const half = Math.floor(body.length / 2);
      request.write(body.slice(0, half));
      later(slowMs, () => request.end(body.slice(half)));
    });
  }
}

export function bodyOf({ id, body }: QueuedUpdate): Record<string, unknown> {
  return { update_id: id, ...body };
}
