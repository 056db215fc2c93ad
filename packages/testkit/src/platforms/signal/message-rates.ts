const burst = 60;
const everyMs = 1_000;

/** Signal's servers take 60 messages to one chat at once, and one more every second. */
export class MessageRates {
  readonly #speed: number;
  readonly #chats = new Map<string, { tokens: number; at: number }>();

  constructor(speed: number) {
    this.#speed = speed;
  }

  /** False when it is too much. */
  take(chat: string): boolean {
    const now = performance.now() * this.#speed;
    const bucket = this.#chats.get(chat) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / everyMs);
    bucket.at = now;
    this.#chats.set(chat, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
