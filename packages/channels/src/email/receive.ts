import {
  type AccountOptions,
  delay,
  HoldfastError,
  type Inbound,
  type InboundEvent,
} from "@holdfast/core";
import type { ImapFlow, MailboxObject, SearchObject } from "imapflow";
import { sourceHash } from "./addresses.ts";
import { type Cursor, parseCursor, printCursor } from "./cursor.ts";
import { type Identity, mailEvent, threadIds } from "./events.ts";
import type { MailPlace } from "./mail-place.ts";
import { emailLimits } from "./limits.ts";
import { asMailboxError, fetchSource, openMailbox } from "./mailbox.ts";
import { waitForMail, watchMailbox } from "./mailbox-watch.ts";
import { mailReader } from "./mail-reader.ts";
import type { ReadMail } from "./read-mail.ts";
import type { EmailSettings } from "./settings.ts";
import type { Threads } from "./threads.ts";

type Options = AccountOptions<EmailSettings>;

/** Reads the mailbox until the signal aborts, over as many connections as it takes. */
export async function receiveMails(
  options: Options,
  self: Identity,
  threads: Threads,
  inbound: Inbound,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, report } = options;
  let cursor = parseCursor(inbound.cursor);
  if (cursor === undefined && inbound.cursor !== undefined) {
    report(unreadableCursor(), "email.receive");
  }
  const keep = async (next: Cursor) => {
    await inbound.saveCursor(printCursor(next));
    cursor = next;
  };
  let pauseMs: number = emailLimits.reconnectMinMs;
  while (!signal.aborted) {
    const begin = clock.monotonic();
    const before = cursor;
    try {
      await runSession(options, self, threads, inbound, () => cursor, keep, signal);
    } catch (thrown) {
      if (isAborted(signal)) return;
      const error = asMailboxError(thrown, "read", options.settings.imap.mailbox);
      if (error.code === "ownership_lost" || error.code === "account_unauthorized") throw error;
      report(error, "email.receive");
      inbound.disconnected(error.message);
    }
    const isSteady = clock.monotonic() - begin >= emailLimits.steadyAfterMs;
    // A connection that brought mail was good, however short; one that numbered the mailbox anew was not.
    const hasBrought = cursor?.v === before?.v && cursor?.u !== before?.u;
    if (isSteady || hasBrought) pauseMs = emailLimits.reconnectMinMs;
    await delay(clock, pauseMs * (0.5 + random.next() / 2), signal);
    pauseMs = Math.min(2 * pauseMs, emailLimits.reconnectMaxMs);
  }
}

/** One connection: everything behind the cursor, then whatever comes. */
async function runSession(
  options: Options,
  self: Identity,
  threads: Threads,
  inbound: Inbound,
  cursor: () => Cursor | undefined,
  keep: (cursor: Cursor) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const client = await openMailbox(options, signal);
  try {
    // From here on nothing that arrives goes unnoticed.
    const watch = watchMailbox(client);
    const { mailbox } = client;
    if (mailbox === false) throw new HoldfastError("channel_unavailable", "No mailbox is open.");
    await begin(options, client, mailbox, cursor(), keep);
    inbound.connected(`IMAP ${client.capabilities.has("IDLE") ? "IDLE" : "polling"}`);
    while (!signal.aborted) {
      const from = cursor();
      if (from === undefined) return;
      watch.reset();
      for (const uids of batches(await uidsAfter(client, from.u))) {
        await handOver(options, self, threads, inbound, client, uids, from.v, keep, signal);
      }
      await waitForMail(client, watch, options.clock, signal);
      if (isAborted(signal)) return;
      // Ends IDLE, and makes a server that said nothing say what is new.
      await client.noop();
      // Whoever numbers a mailbox anew under a session makes all UIDs of it meaningless.
      if (client.mailbox === false || String(client.mailbox.uidValidity) !== from.v) return;
    }
  } finally {
    client.close();
  }
}

/** Makes the cursor one of this mailbox as it is numbered now. */
async function begin(
  options: Options,
  client: ImapFlow,
  mailbox: MailboxObject,
  cursor: Cursor | undefined,
  keep: (cursor: Cursor) => Promise<void>,
): Promise<void> {
  const v = String(mailbox.uidValidity);
  if (cursor?.v === v) return;
  const end = mailbox.uidNext > 0 ? mailbox.uidNext - 1 : await lastUid(client);
  if (cursor === undefined) {
    // Mail from before the account existed is not answered.
    return keep({ v, u: end, t: options.clock.now() });
  }
  // Mails have new numbers. What was handled since the last one's day is recognised by its event's id.
  const since = new Date(cursor.t - emailLimits.renumberedOverlapMs);
  const found = await search(client, { since });
  const recent = found.toSorted((a, b) => a - b).slice(-emailLimits.renumberedMails);
  options.report(
    new HoldfastError(
      "channel_unavailable",
      `The mail server numbered the mailbox anew: ${recent.length} mails are looked at again.`,
    ),
    "email.receive",
  );
  await keep({ v, u: (recent[0] ?? end + 1) - 1, t: cursor.t });
}

/** Hands a batch over; the cursor follows when it is durable. */
async function handOver(
  options: Options,
  self: Identity,
  threads: Threads,
  inbound: Inbound,
  client: ImapFlow,
  uids: readonly number[],
  uidValidity: string,
  keep: (cursor: Cursor) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { settings, report } = options;
  let events: InboundEvent[] = [];
  let handled: number[] = [];
  let chars = 0;
  let last: Cursor | undefined;
  const flush = async () => {
    if (last === undefined) return;
    if (events.length > 0) await inbound.accept(events);
    if (settings.imap.markSeen && handled.length > 0) {
      const isMarked = await client
        .messageFlagsAdd(handled.join(","), ["\\Seen"], { uid: true })
        .catch(() => false);
      // A lost connection shows the same mails again; a mailbox that may only be read is no reason to stop.
      if (!isMarked && !client.usable) throw connectionLost();
      if (!isMarked) report(notMarked(), "email.mark_seen");
    }
    await keep(last);
    [events, handled, chars] = [[], [], 0];
  };
  for (const uid of uids) {
    if (isAborted(signal)) return;
    const fetched = await fetchSource(client, uid);
    if (fetched !== undefined) {
      const { source, isWhole } = fetched;
      const receivedAt = timeOf(fetched.mail.internalDate);
      const place = { uidValidity, uid, receivedAt, sourceHash: await sourceHash(source) };
      const mail = await mailReader.read(options, source, isWhole, signal);
      const event = eventOf(mail, place, self, threads, report);
      if (event.type === "message") chars += event.text.length;
      events.push(event);
      handled.push(uid);
      last = { v: uidValidity, u: uid, t: receivedAt };
    }
    if (chars >= emailLimits.batchChars) await flush();
  }
  await flush();
}

/** A mail that breaks the reader is counted and reported, or it would stop all behind it. */
function eventOf(
  mail: ReadMail,
  place: MailPlace,
  self: Identity,
  threads: Threads,
  report: Options["report"],
): InboundEvent {
  try {
    const event = mailEvent(mail, place, self);
    if (event.type === "message") {
      threads.remember(event.messageId, { subject: mail.subject, before: threadIds(mail.headers) });
    }
    return event;
  } catch {
    const message = `The mail with the UID ${place.uid} cannot be read and is left out.`;
    report(new HoldfastError("internal", message), "email.receive");
    return { type: "ignored", what: "unreadable" };
  }
}

async function uidsAfter(client: ImapFlow, uid: number): Promise<number[]> {
  const found = await search(client, { uid: `${uid + 1}:*` });
  // "9:*" names the last mail even when its number is lower.
  return found.filter((one) => one > uid).toSorted((a, b) => a - b);
}

async function lastUid(client: ImapFlow): Promise<number> {
  const found = await search(client, { all: true });
  return found.reduce((highest, uid) => Math.max(highest, uid), 0);
}

/** Errors: `channel_unavailable`, so that a refused search is never taken for an empty mailbox. */
async function search(client: ImapFlow, query: SearchObject): Promise<number[]> {
  const found = await client.search(query, { uid: true });
  if (found) return found;
  throw new HoldfastError("channel_unavailable", "The mail server refuses to list the mailbox.");
}

function batches(uids: readonly number[]): number[][] {
  const size = emailLimits.batchMails;
  return Array.from({ length: Math.ceil(uids.length / size) }, (_, index) =>
    uids.slice(index * size, (index + 1) * size),
  );
}

function timeOf(date: Date | string | undefined): number {
  const at = date === undefined ? Number.NaN : new Date(date).getTime();
  return Number.isNaN(at) ? 0 : Math.max(0, at);
}

/** A function, as the signal may have aborted during any await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function connectionLost(): HoldfastError {
  return new HoldfastError("channel_unavailable", "The connection to the mailbox was lost.");
}

function notMarked(): HoldfastError {
  return new HoldfastError(
    "channel_unavailable",
    "The mail server does not let mails be marked as read: set imap.markSeen to false, or allow it.",
  );
}

function unreadableCursor(): HoldfastError {
  return new HoldfastError(
    "data_corrupt",
    "The account's cursor cannot be read: reading begins at the mailbox's end.",
  );
}
