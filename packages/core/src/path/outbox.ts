import { limits } from "../limits.ts";
import type {
  DeliveryNews,
  DeliveryState,
  DeliveryView,
  MessageSource,
  OutgoingPiece,
  PieceState,
  Receipt,
} from "../deliveries.ts";

/**
 * One message of an agent on its way to a chat, and what became of it. It is split into pieces, each one
 * message of the platform; a piece is written down before it is sent, and again with its outcome.
 */
export interface Outgoing {
  /** The turn that it answers with, or the message that it was made of. */
  readonly id: string;
  readonly to: MessageSource;
  /** Markdown; empty once it is done. */
  text: string;
  /** Where a long text stands instead. */
  blob?: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How many pieces it has; 0 before the first was begun. */
  of: number;
  pieces: OutgoingPiece[];
  /** It failed, and a person must say what becomes of it. */
  isHeld?: true;
  /** When the first try of its present piece began of which nobody knows whether it worked. */
  unsureSince?: number;
}

/** A message that came to its end, and what platforms told of it since. */
export interface Delivery {
  readonly id: string;
  readonly account: string;
  readonly chat: string;
  readonly at: number;
  readonly pieces: OutgoingPiece[];
  readonly of: number;
}

/** The outgoing messages of a conversation. */
export interface Outbox {
  /** In order; only the first is being sent. */
  readonly waiting: Outgoing[];
  /** The newest that are done, at most `limits.deliveriesKept`. */
  readonly done: Delivery[];
  /** The newest receipts of messages that are not known, at most `limits.receiptsUnmatched`. */
  readonly unmatched: Receipt[];
}

export type OutboxEntry = SendEntry | SentEntry | CarryEntry;

/** A piece is sent now: from here on it may have been. */
export interface SendEntry {
  readonly t: "send";
  readonly c: string;
  readonly id: string;
  readonly piece: number;
  readonly of: number;
  readonly at: number;
}

/** What became of the piece. `again`: it will be sent anew. */
export interface SentEntry {
  readonly t: "sent";
  readonly c: string;
  readonly id: string;
  readonly piece: number;
  readonly outcome: "sent" | "unknown" | "failed" | "again";
  /** With `again`: this try may have worked all the same. */
  readonly isUnsure?: true;
  readonly platformId?: string;
  readonly reason?: string;
  readonly at: number;
  /** The message waits for a person. */
  readonly isHeld?: true;
  /** Messages that came to their end with this: itself, or all that a failure gives up. */
  readonly done: readonly string[];
}

/** These messages wait here, though no other entry of the tail tells so. */
export interface CarryEntry {
  readonly t: "carry";
  readonly c: string;
  readonly ids: readonly string[];
}

export function newOutbox(): Outbox {
  return { waiting: [], done: [], unmatched: [] };
}

/** True when no more may be added for now. */
export function isFull({ waiting }: Outbox): boolean {
  if (waiting.length >= limits.outboxWaiting) return true;
  return waiting.reduce((chars, { text }) => chars + text.length, 0) >= limits.outboxChars;
}

/** The key under which a piece is sent, the same at every try. */
export function pieceKey(id: string, piece: number): string {
  return `${id}.${piece}`;
}

export function addOutgoing(
  outbox: Outbox,
  outgoing: Pick<Outgoing, "id" | "to" | "text" | "at" | "blob">,
): void {
  outbox.waiting.push({ ...outgoing, of: 0, pieces: [] });
}

export function applySend(outbox: Outbox, { id, piece, of, at }: SendEntry): void {
  const message = outbox.waiting.find((each) => each.id === id);
  if (!message) return;
  const before = message.pieces[piece];
  // A try that nobody saw the end of is repeated.
  if (before?.state === "started") message.unsureSince ??= before.at;
  message.of = of;
  message.pieces[piece] = { state: "started", at, ...(before?.early && { early: before.early }) };
}

export function applySent(outbox: Outbox, entry: SentEntry): void {
  const message = outbox.waiting.find((each) => each.id === entry.id);
  if (!message) return;
  const { outcome, piece, platformId, reason, at, done } = entry;
  const before = message.pieces[piece];
  if (outcome === "again") {
    if (entry.isUnsure && before) message.unsureSince ??= before.at;
    message.pieces.length = Math.min(message.pieces.length, piece);
    return;
  }
  delete message.unsureSince;
  const ended: OutgoingPiece = {
    state: outcome,
    at,
    ...(platformId !== undefined && { platformId }),
    ...(reason !== undefined && { reason }),
  };
  const early = before?.early ?? takeUnmatched(outbox, message.to.account, platformId);
  message.pieces[piece] = early ? told(ended, early) : ended;
  if (entry.isHeld) message.isHeld = true;
  for (const id of done)
    finishOne(outbox, id, outcome === "failed" ? (reason ?? "") : undefined, at);
}

/**
 * What a platform says may come in any order, twice, before the outcome of the send is written down, and of
 * messages that are long forgotten.
 */
export function applyNews(outbox: Outbox, news: DeliveryNews): void {
  if (news.type === "receipt") return applyReceipt(outbox, news);
  const message = outbox.waiting.find(({ id }) => id === news.id);
  if (!message) return;
  if (news.type === "discard") {
    finishOne(outbox, message.id, "Discarded by an operator.", news.at);
    return;
  }
  delete message.isHeld;
  const failed = message.pieces.findIndex(({ state }) => state === "failed");
  if (failed >= 0) message.pieces.length = failed;
}

/** A message that a receipt is about. */
interface Told {
  readonly id: string;
  readonly account: string;
  readonly chat: string;
  readonly pieces: OutgoingPiece[];
}

function applyReceipt(
  outbox: Outbox,
  { type: _, ...receipt }: Receipt & { type: "receipt" },
): void {
  const all: Told[] = [
    ...outbox.done,
    ...outbox.waiting.map(({ id, to, pieces }) => ({
      id,
      account: to.account,
      chat: to.chat.id,
      pieces,
    })),
  ].filter(({ account }) => account === receipt.account);
  const isOf = (message: Told, piece: OutgoingPiece, number: number) =>
    piece.platformId === receipt.messageId || pieceKey(message.id, number) === receipt.key;
  const place = all.findIndex((message) =>
    message.pieces.some((piece, number) => isOf(message, piece, number)),
  );
  const message = all[place];
  if (!message) {
    // Its send may end a moment later, and tell the id by which it is known.
    outbox.unmatched.push(receipt);
    outbox.unmatched.splice(0, outbox.unmatched.length - limits.receiptsUnmatched);
    return;
  }
  const number = message.pieces.findIndex((piece, each) => isOf(message, piece, each));
  const before = message.pieces[number];
  if (before) message.pieces[number] = told(before, receipt);
  if (receipt.state !== "read") return;
  // Who reads a message has read those above it in the same chat.
  for (const [each, { chat, pieces }] of all.slice(0, place + 1).entries()) {
    if (chat !== message.chat) continue;
    const until = each === place ? number : pieces.length;
    for (let above = 0; above < until; above += 1) {
      const piece = pieces[above];
      if (piece?.state === "sent" || piece?.state === "delivered") {
        pieces[above] = { ...piece, state: "read", toldAt: receipt.at };
      }
    }
  }
}

function takeUnmatched(
  { unmatched }: Outbox,
  account: string,
  platformId: string | undefined,
): Receipt | undefined {
  const own = unmatched.filter(
    (receipt) => receipt.account === account && receipt.messageId === platformId,
  );
  for (const receipt of own) unmatched.splice(unmatched.indexOf(receipt), 1);
  // The last word of them.
  return own.at(-1);
}

const ranks: readonly PieceState[] = ["unknown", "sent", "delivered", "read"];

/** A piece with what was told of it. A state never goes back: `delivered` may come after `read`. */
function told(piece: OutgoingPiece, receipt: Receipt): OutgoingPiece {
  const { state, messageId: platformId, reason, at: toldAt } = receipt;
  if (piece.state === "started") return { ...piece, early: receipt };
  if (piece.state === "failed") return piece;
  if (state === "failed") {
    const isOpen = piece.state === "sent" || piece.state === "unknown";
    return isOpen
      ? { state, platformId, at: piece.at, toldAt, ...(reason !== undefined && { reason }) }
      : piece;
  }
  if (ranks.indexOf(state) <= ranks.indexOf(piece.state)) return piece;
  return { state, platformId, at: piece.at, toldAt };
}

/** What is kept of a conversation's outgoing messages, the oldest first. */
export function viewOutbox({ waiting, done }: Outbox): readonly DeliveryView[] {
  return [
    ...done.map((delivery) => ({
      ...delivery,
      state: stateOfPieces(delivery.pieces, delivery.of),
    })),
    ...waiting.map(({ id, to, at, of, pieces, isHeld }) => ({
      id,
      account: to.account,
      chat: to.chat.id,
      state: stateOfPieces(pieces, of),
      ...(isHeld && { isHeld }),
      at,
      of,
      pieces,
    })),
  ];
}

/** The state of a whole message: the least of its pieces', trouble first. */
export function stateOfPieces(pieces: readonly OutgoingPiece[], of: number): DeliveryState {
  const states = new Set(pieces.map(({ state }) => state));
  if (states.has("failed")) return "failed";
  if (pieces.length < of || of === 0 || states.has("started")) return "accepted";
  for (const state of ["unknown", "sent", "delivered"] as const) {
    if (states.has(state)) return state;
  }
  return "read";
}

/** Takes a message out of those that wait; with a reason it did not get there whole. */
function finishOne(outbox: Outbox, id: string, reason: string | undefined, at: number): void {
  const { waiting, done } = outbox;
  const message = waiting.find((each) => each.id === id);
  if (!message) return;
  const { to, pieces, of } = message;
  if (reason !== undefined && pieces.at(-1)?.state !== "failed") {
    pieces.push({ state: "failed", reason, at });
  }
  waiting.splice(waiting.indexOf(message), 1);
  done.push({ id, account: to.account, chat: to.chat.id, at: message.at, pieces, of });
  if (done.length > limits.deliveriesKept) done.splice(0, done.length - limits.deliveriesKept);
}
