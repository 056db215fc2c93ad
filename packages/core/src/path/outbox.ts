import { limits } from "../limits.ts";
import type {
  DeliveryNews,
  DeliveryState,
  DeliveryView,
  MessageSource,
  OutgoingPiece,
  PieceState,
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

/** What became of the piece. `again`: it surely was not sent, and will be. */
export interface SentEntry {
  readonly t: "sent";
  readonly c: string;
  readonly id: string;
  readonly piece: number;
  readonly outcome: "sent" | "unknown" | "failed" | "again";
  readonly platformId?: string;
  readonly reason?: string;
  readonly at: number;
  /** What a failure does to the message: it waits for a person, or it and all behind it are given up. */
  readonly then?: "hold" | "fail-rest";
  /** Messages that wait after this. */
  readonly left: number;
}

/** Messages wait here, though no other entry of the tail tells so. */
export interface CarryEntry {
  readonly t: "carry";
  readonly c: string;
}

export function newOutbox(): Outbox {
  return { waiting: [], done: [] };
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
  message.of = of;
  message.pieces[piece] = { state: "started", at };
}

export function applySent(outbox: Outbox, entry: SentEntry): void {
  const message = outbox.waiting.find((each) => each.id === entry.id);
  if (!message) return;
  const { outcome, piece, platformId, reason, at } = entry;
  if (outcome === "again") {
    message.pieces.length = Math.min(message.pieces.length, piece);
    return;
  }
  message.pieces[piece] = {
    state: outcome,
    at,
    ...(platformId !== undefined && { platformId }),
    ...(reason !== undefined && { reason }),
  };
  if (outcome !== "failed") {
    if (message.pieces.length >= message.of) finish(outbox, message);
  } else if (entry.then === "hold") {
    message.isHeld = true;
  } else {
    // Nothing may overtake what failed: all that waited behind it goes the same way.
    for (const each of outbox.waiting.slice()) {
      if (each.to.account === message.to.account && each.to.chat.id === message.to.chat.id) {
        giveUp(outbox, each, reason ?? "", at);
      }
    }
  }
}

/** What a platform says may come in any order, twice, and of messages that are long forgotten. */
export function applyNews(outbox: Outbox, news: DeliveryNews): void {
  if (news.type !== "receipt") {
    const message = outbox.waiting.find(({ id }) => id === news.id);
    if (!message) return;
    if (news.type === "discard") giveUp(outbox, message, "discarded by an operator", news.at);
    else {
      delete message.isHeld;
      const failed = message.pieces.findIndex(({ state }) => state === "failed");
      if (failed >= 0) message.pieces.length = failed;
    }
    return;
  }
  const all = [...outbox.done, ...outbox.waiting];
  const told = all.flatMap(({ id, pieces }, place) =>
    pieces.flatMap((piece, number) =>
      piece.platformId === news.messageId || pieceKey(id, number) === news.key
        ? [{ place, number }]
        : [],
    ),
  )[0];
  if (!told) return;
  const { state, reason, at, messageId: platformId } = news;
  const own = all[told.place]?.pieces;
  const before = own?.[told.number];
  if (!own || !before) return;
  if (state === "failed") {
    if (before.state === "sent" || before.state === "unknown") {
      own[told.number] = { state, platformId, at, ...(reason !== undefined && { reason }) };
    }
    return;
  }
  own[told.number] = { ...risen(before, state, at), platformId };
  if (state !== "read") return;
  // Who reads a message has read those above it.
  all.slice(0, told.place + 1).forEach(({ pieces }, place) => {
    const until = place === told.place ? told.number : pieces.length;
    for (let number = 0; number < until; number += 1) {
      const piece = pieces[number];
      if (piece && piece.state !== "failed" && piece.state !== "unknown") {
        pieces[number] = risen(piece, "read", at);
      }
    }
  });
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

const ranks: readonly PieceState[] = ["failed", "unknown", "started", "sent", "delivered", "read"];

/** A state never goes back: `delivered` may come after `read`. */
function risen(
  piece: OutgoingPiece,
  state: "sent" | "delivered" | "read",
  at: number,
): OutgoingPiece {
  return ranks.indexOf(state) > ranks.indexOf(piece.state) ? { ...piece, state, at } : piece;
}

function giveUp(outbox: Outbox, message: Outgoing, reason: string, at: number): void {
  const last = message.pieces.at(-1);
  if (last?.state !== "failed") message.pieces.push({ state: "failed", reason, at });
  finish(outbox, message);
}

function finish({ waiting, done }: Outbox, message: Outgoing): void {
  const { id, to, at, pieces, of } = message;
  waiting.splice(waiting.indexOf(message), 1);
  done.push({ id, account: to.account, chat: to.chat.id, at, pieces, of });
  if (done.length > limits.deliveriesKept) done.splice(0, done.length - limits.deliveriesKept);
}
