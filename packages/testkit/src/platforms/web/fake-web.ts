import { createSeededRandom } from "../../seeded-random.ts";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
  ReceiveMode,
} from "../fake-platform.ts";
import { FakeVisitor } from "./fake-visitor.ts";

const origin = "https://pages.example.org";

/** People who write in the chats of web pages: there is no platform, so what fails are their lines. */
export async function startFakeWeb(options: FakePlatformOptions = {}): Promise<FakePlatform> {
  return new FakeWeb(options);
}

class FakeWeb implements FakePlatform {
  readonly kind = "web";
  readonly violations: string[] = [];
  readonly counts: Record<string, number> = {};
  faults: FaultRates;
  readonly #random: ReturnType<typeof createSeededRandom>;
  readonly #visitors = new Map<string, FakeVisitor>();
  readonly #listeners = new Set<() => void>();
  #urls: readonly string[] = [];
  #ca: string | undefined;
  #turn = 0;

  constructor({ seed = 1, faults = {} }: FakePlatformOptions) {
    this.#random = createSeededRandom(seed);
    this.faults = faults;
  }

  account(mode: ReceiveMode) {
    if (mode !== "socket") throw new Error("pages speak over sockets alone");
    return { settings: { allowedOrigins: [origin] }, env: {} };
  }

  deliverTo(urls: readonly string[], ca?: string): void {
    this.#ca = ca;
    this.#urls = urls.map((url) =>
      url.replace(/^http/, "ws").replace("/channels/", "/chat/").concat("/ws"),
    );
    for (const visitor of this.#visitors.values()) visitor.connect();
  }

  say({ chat, kind = "direct", text }: PersonMessage): void {
    if (kind !== "direct") throw new Error("a page's chat is of one person");
    this.#visitor(chat).say(text);
  }

  shown(chat: string) {
    return this.#visitors.get(chat)?.shown ?? [];
  }

  onShown(listen: () => void): () => void {
    this.#listeners.add(listen);
    return () => void this.#listeners.delete(listen);
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (![...this.#visitors.values()].every(({ isSettled }) => isSettled)) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  revoke(): void {
    throw new Error("a page has no credentials");
  }

  block(): void {
    throw new Error("a page cannot block its own chat");
  }

  async close(): Promise<void> {
    for (const visitor of this.#visitors.values()) visitor.close();
  }

  #visitor(chat: string): FakeVisitor {
    const known = this.#visitors.get(chat);
    if (known) return known;
    const visitor = new FakeVisitor(chat, {
      address: () => {
        this.#turn += 1;
        const url = this.#urls[this.#turn % this.#urls.length];
        return url === undefined ? undefined : { url, ca: this.#ca };
      },
      origin,
      hits: (fault) => {
        if (this.#random.next() >= (this.faults[fault] ?? 0)) return false;
        this.counts[fault] = (this.counts[fault] ?? 0) + 1;
        return true;
      },
      chance: () => this.#random.next(),
      violation: (text) => void this.violations.push(text),
      changed: () => {
        for (const listen of this.#listeners) listen();
      },
    });
    this.#visitors.set(chat, visitor);
    return visitor;
  }
}
