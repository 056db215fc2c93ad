import {
  type Account,
  type AccountOptions,
  type Channel,
  type ChannelAccount,
  type Clock,
  type ConversationRef,
  conversationKey,
  delay,
  type MessageSource,
  type PieceSend,
  type Random,
  type SendOutcome,
} from "@holdfast/core";
import { z } from "zod";
import type { RunRecord } from "./run-record.ts";
import type { Weather } from "./weather.ts";

const pieceChars = 400;

export const simAccount: Account = {
  kind: "Account",
  organization: "acme",
  name: "sim",
  channel: "sim",
};

/** Every other conversation is a chat on the platform. */
export function isChat({ conversation }: ConversationRef): boolean {
  return /^c\d*[02468]$/.test(conversation);
}

export function sourceOf(ref: ConversationRef): MessageSource {
  return { account: simAccount.name, chat: { kind: "direct", id: conversationKey(ref) } };
}

/** What people in a chat see: the key that a piece was sent under, and its text. */
export interface SeenPiece {
  readonly key: string;
  readonly text: string;
}

export interface SimPlatformOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly weather: Weather;
}

/** A platform that takes messages, and sometimes does not say so, or says no. */
export class SimPlatform {
  readonly channels: ReadonlyMap<string, Channel>;
  readonly #options: SimPlatformOptions;
  readonly #seen = new Map<string, SeenPiece[]>();

  constructor(options: SimPlatformOptions) {
    this.#options = options;
    const channel: Channel = {
      kind: "sim",
      capabilities: {
        threads: false,
        edits: false,
        reactions: false,
        media: { inbound: false, outbound: false },
        typing: false,
        receipts: ["delivered", "read"],
        nativeCommands: false,
        idempotentSends: false,
        text: { max: pieceChars, unit: "utf-16" },
        rates: { account: [], direct: [{ count: 10, perMs: 1_000 }], group: [] },
      },
      settings: z.unknown(),
      open: (account) => this.#open(account),
    };
    this.channels = new Map([[channel.kind, channel]]);
  }

  /** Any piece that people see, with its chat. */
  someSeen(random: Random): { readonly chat: string; readonly key: string } | undefined {
    const all = [...this.#seen].flatMap(([chat, pieces]) =>
      pieces.map(({ key }) => ({ chat, key })),
    );
    return all[Math.floor(random.next() * all.length)];
  }

  seen(chat: string): readonly SeenPiece[] {
    return this.#seen.get(chat) ?? [];
  }

  #open({ clock }: AccountOptions): ChannelAccount {
    return {
      check: async () => ({ ok: true, findings: [] }),
      render: (text) =>
        Array.from({ length: Math.ceil(text.length / pieceChars) || 1 }, (_, number) => {
          const piece = text.slice(number * pieceChars, (number + 1) * pieceChars);
          return { body: piece, text: piece };
        }),
      send: (send) => this.#send(send, clock),
    };
  }

  /** What leaves a process takes effect, whatever becomes of the process. */
  async #send({ chat, key, piece }: PieceSend, clock: Clock): Promise<SendOutcome> {
    const { random, record, weather } = this.#options;
    const fate = weather.isCalm ? 1 : random.next();
    const arrives = fate >= 0.08;
    if (arrives) {
      record.note(`the platform takes ${key}`);
      this.#seen.set(chat.id, [...this.seen(chat.id), { key, text: piece.text }]);
    }
    await delay(clock, 5 + Math.floor(random.next() * 60));
    if (fate < 0.06) return { outcome: "retry", reason: "busy" };
    if (fate < 0.12) return { outcome: "unknown", reason: "no answer" };
    return { outcome: "sent", platformId: platformIdOf(key) };
  }
}

/** The platform's own name of a piece that was sent under a key. */
export function platformIdOf(key: string): string {
  return `p.${key}`;
}
