import type { FakePlatform, FaultRates } from "../../packages/testkit/src/platforms/index.ts";
import type { ChannelCluster } from "./channel-cluster.ts";

export interface PromiseOptions {
  readonly fake: FakePlatform;
  readonly account: string;
  readonly messages: number;
  readonly chats: number;
  readonly faults: FaultRates;
  /** A node is killed when so many messages are written: the named one, or the account's owner. */
  readonly kill?: { readonly node?: string; readonly after: number };
  /** Messages without an answer at any time. */
  readonly inFlight: number;
  /** Milliseconds without any news after which a run is given up. */
  readonly patienceMs: number;
}

export interface PromiseResult {
  readonly written: number;
  readonly shown: number;
  /** Messages whose answer nobody saw, beyond those flagged. */
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly reordered: readonly string[];
  readonly violations: readonly string[];
  /** Flagged by the system as failed, or of unknown outcome. */
  readonly flagged: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** What the account's owner said of it in the end. */
  readonly state: string;
}

/** Failures as the API tells them. */
interface FailedDelivery {
  readonly account: string;
  readonly chat: string;
  readonly state: "failed" | "unknown";
}

/**
 * People write in many chats at once while the platform, the network and a node fail; then their own record
 * of what they wrote is held against what the platform shows them.
 */
export async function holdToPromises(
  cluster: ChannelCluster,
  options: PromiseOptions,
): Promise<PromiseResult> {
  const { fake, account, messages, chats, kill } = options;
  const startedAt = performance.now();
  const deliver = () => fake.deliverTo(cluster.webhooks(account), cluster.ca);
  const unlisten = cluster.onKill(deliver);
  deliver();
  const owner = await cluster.untilConnected(account, options.patienceMs);
  fake.faults = options.faults;
  const names = Array.from({ length: chats }, (_, number) => chatName(fake.kind, account, number));
  const written = new Map<string, string[]>(names.map((chat) => [chat, []]));
  const progress = new Progress(fake, names);
  let flagged: readonly FailedDelivery[] = [];
  const look = async () => {
    // While the engine elects a leader the list cannot be read: it is asked for again.
    const { status, body } = await cluster.call(
      "GET",
      "/api/v1/orgs/acme/failed-deliveries?limit=1000",
    );
    if (status !== 200) return;
    const { items } = body as { items: readonly FailedDelivery[] };
    flagged = items.filter((each) => each.account === account);
  };
  try {
    for (let number = 0; number < messages; number += 1) {
      const chat = names[number % chats] ?? "";
      const sequence = Math.floor(number / chats);
      await progress.until(
        () => number - progress.count < options.inFlight + flagged.length,
        options.patienceMs,
        look,
      );
      written.get(chat)?.push(word(chat, sequence));
      fake.say({ chat, text: word(chat, sequence) });
      if (number === kill?.after) cluster.kill(kill.node ?? owner);
    }
    await progress.until(
      () => progress.count + flagged.length >= messages,
      options.patienceMs,
      look,
    );
    await look();
  } catch (thrown) {
    // Whatever did not come is found below, and told by name.
    if (!(thrown instanceof NoNews)) throw thrown;
  } finally {
    progress.close();
    unlisten();
  }
  const state = await cluster.state(account);
  return {
    ...compare(fake, written, flagged),
    written: messages,
    shown: progress.count,
    violations: fake.violations,
    flagged: flagged.length,
    faults: { ...fake.counts },
    seconds: Math.round(performance.now() - startedAt) / 1_000,
    state: `${state.status} ${state.detail ?? ""}`,
  };
}

function compare(
  fake: FakePlatform,
  written: ReadonlyMap<string, readonly string[]>,
  flagged: readonly FailedDelivery[],
) {
  const lost: string[] = [];
  const doubled: string[] = [];
  const reordered: string[] = [];
  let missing = 0;
  for (const [chat, words] of written) {
    const seen = fake.shown(chat).flatMap(({ text }) => /m\d+x\d+/.exec(text)?.[0] ?? []);
    const counts = new Map<string, number>();
    for (const each of seen) counts.set(each, (counts.get(each) ?? 0) + 1);
    for (const each of words) {
      const count = counts.get(each) ?? 0;
      if (count > 1) doubled.push(`${chat}: ${each} (${count} times)`);
      if (count === 0) {
        missing += 1;
        lost.push(`${chat}: ${each}`);
      }
    }
    let last = -1;
    for (const each of new Set(seen)) {
      const place = words.indexOf(each);
      if (place < last) reordered.push(`${chat}: ${each}`);
      last = Math.max(last, place);
    }
  }
  // A flagged message may have arrived or not: as many as were flagged may be missing.
  return { lost: missing <= flagged.length ? [] : lost, doubled, reordered };
}

class NoNews extends Error {}

/** How many answers people have seen, and a wait for more of them. */
class Progress {
  count = 0;
  readonly #unlisten: () => void;
  #wake: () => void = () => {};

  constructor(fake: FakePlatform, chats: readonly string[]) {
    this.#unlisten = fake.onShown(() => {
      this.count = chats.reduce((sum, chat) => sum + fake.shown(chat).length, 0);
      this.#wake();
    });
  }

  /** Errors: `NoNews` when nothing new is shown for `patienceMs`. */
  async until(
    condition: () => boolean,
    patienceMs: number,
    look: () => Promise<void>,
  ): Promise<void> {
    let quietSince = performance.now();
    while (!condition()) {
      const before = this.count;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookEveryMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.count !== before) quietSince = performance.now();
      else await look();
      if (performance.now() - quietSince > patienceMs) throw new NoNews();
    }
  }

  close(): void {
    this.#unlisten();
  }
}

const lookEveryMs = 1_000;

/** As each platform names chats with one person. */
function chatName(kind: string, account: string, number: number): string {
  const digits = String(10_000 + number);
  switch (kind) {
    case "email":
      return `person${digits}@example.org`;
    case "signal":
      return `+4930${digits}00`;
    case "whatsapp":
      return `4930${digits}00`;
    case "slack":
      return `D0${digits}`;
    default:
      return `${account.length}${digits}`;
  }
}

function word(chat: string, sequence: number): string {
  return `m${chat.replace(/\D/g, "")}x${sequence}`;
}
