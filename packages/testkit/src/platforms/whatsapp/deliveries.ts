import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Faults } from "./faults.ts";

const retryMinMs = 50;
const retryMaxMs = 2_000;
const answerTimeoutMs = 10_000;
const reorderMs = 20;
const slowPieces = 5;
const slowMs = 1_000;

/**
 * Webhooks as Meta sends them: signed, repeated until the answer is 200. Chats go on beside each other;
 * in one chat the next event goes out when the last one was taken.
 */
export class Deliveries {
  readonly #appSecret: string;
  readonly #faults: Faults;
  readonly #speed: number;
  readonly #chats = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #urls: readonly string[] = [];
  #ca: string | undefined;
  #turn = 0;
  #open = 0;
  #changed = Promise.withResolvers<void>();

  constructor(appSecret: string, faults: Faults, speed: number) {
    this.#appSecret = appSecret;
    this.#faults = faults;
    this.#speed = speed;
  }

  to(urls: readonly string[], ca?: string): void {
    this.#urls = urls;
    this.#ca = ca;
    this.#announce();
  }

  /** Queues one webhook behind the others of its chat. */
  add(chat: string, payload: unknown): void {
    this.#open += 1;
    const before = this.#chats.get(chat) ?? Promise.resolve();
    const done = before.then(async () => {
      await this.#deliver(JSON.stringify(payload));
      if (this.#chats.get(chat) === done) this.#chats.delete(chat);
      this.#open -= 1;
      this.#announce();
    });
    this.#chats.set(chat, done);
  }

  async settled(): Promise<void> {
    while (this.#open > 0 && !this.#stop.signal.aborted) await this.#changed.promise;
  }

  close(): void {
    this.#stop.abort();
    this.#announce();
  }

  async #deliver(body: string): Promise<void> {
    if (this.#faults.hits("reordered")) await this.#pause(reorderMs);
    let isTwice = this.#faults.hits("duplicate");
    for (let tries = 0; !this.#stop.signal.aborted; tries += 1) {
      while (this.#urls.length === 0 && !this.#stop.signal.aborted) await this.#changed.promise;
      const url = this.#urls[this.#turn % Math.max(1, this.#urls.length)];
      this.#turn += 1;
      const isTaken = url !== undefined && (await this.#post(url, body)) === 200;
      if (!isTaken) this.#faults.count("refusedDelivery");
      if (isTaken && !this.#faults.hits("dropped")) {
        if (!isTwice) return;
        isTwice = false;
        continue;
      }
      await this.#pause(Math.min(retryMaxMs, retryMinMs * 2 ** tries));
    }
  }

  #post(url: string, body: string): Promise<number> {
    const raw = Buffer.from(body);
    const signature = createHmac("sha256", this.#appSecret).update(raw).digest("hex");
    const isSlow = this.#faults.hits("slow");
    return new Promise((resolve) => {
      const start = url.startsWith("https:") ? httpsRequest : httpRequest;
      const post = start(url, {
        method: "POST",
        signal: this.#stop.signal,
        timeout: answerTimeoutMs,
        ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        headers: {
          "content-type": "application/json",
          "content-length": raw.byteLength,
          "user-agent": "facebookexternalua",
          "x-hub-signature-256": `sha256=${signature}`,
        },
      });
      post.on("response", (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
        answer.on("error", () => resolve(0));
      });
      post.on("timeout", () => post.destroy());
      post.on("error", () => resolve(0));
      if (!isSlow) post.end(raw);
      else void this.#writeSlowly(raw, (part) => post.write(part)).then(() => post.end());
    });
  }

  async #writeSlowly(raw: Uint8Array, write: (part: Uint8Array) => void): Promise<void> {
    const size = Math.ceil(raw.byteLength / slowPieces);
    for (let at = 0; at < raw.byteLength; at += size) {
      write(raw.subarray(at, at + size));
      await this.#pause(slowMs / slowPieces);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stop.signal.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms / this.#speed);
      this.#stop.signal.addEventListener("abort", finish);
    });
  }

  #announce(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
