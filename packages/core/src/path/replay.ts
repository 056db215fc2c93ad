import { isEphemeralKey } from "./active-conversation.ts";
import type { ConversationEntry } from "./conversation-state.ts";
import type { JournalRecord } from "./journal.ts";
import type { Maintenance } from "./maintenance.ts";
import { decodeEntry, sequenceOf } from "./records.ts";

/** What a new owner knows from the journal before it brings any conversation into memory. */
export interface Replayed {
  readonly cold: Map<string, ColdEntry[]>;
  /** The first journal sequence of each conversation that no checkpoint may cover, in order. */
  readonly dirty: Map<string, number>;
  /** What each conversation has to send. */
  readonly sending: Map<string, Set<string>>;
}

/** A journal entry as it is stored: decoded only when its conversation is needed. */
export interface ColdEntry {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Takes in one record of the journal. */
export function replay(
  { cold, dirty, sending }: Replayed,
  sequence: number,
  record: JournalRecord,
): void {
  record.entries.forEach((entry, index) => {
    const bytes = record.encoded[index];
    if (entry.t === "opened" || entry.t === "probe" || !bytes) return;
    const entries = cold.get(entry.c);
    if (entries) entries.push({ sequence, bytes });
    else cold.set(entry.c, [{ sequence, bytes }]);
    if (!dirty.has(entry.c)) dirty.set(entry.c, sequence);
    noteOutgoing(sending, entry);
  });
}

/** Keeps account of which messages wait to be sent. */
function noteOutgoing(sending: Map<string, Set<string>>, entry: ConversationEntry): void {
  const ids = sending.get(entry.c) ?? new Set<string>();
  for (const id of addedOutgoing(entry)) ids.add(id);
  const isDiscard = entry.t === "news" && entry.news.type === "discard";
  if (entry.t === "sent") for (const id of entry.done) ids.delete(id);
  else if (isDiscard) ids.delete(entry.news.id);
  if (ids.size > 0) sending.set(entry.c, ids);
  else sending.delete(entry.c);
}

function addedOutgoing(entry: ConversationEntry): readonly string[] {
  if (entry.t === "turn") return entry.to && entry.answer.text !== "" ? [entry.turn] : [];
  if (entry.t === "notice") return entry.inputs.slice(0, 1).map(({ id }) => id);
  return entry.t === "carry" ? entry.ids : [];
}

/** Stateless calls that were finished need no memory once the inbox will not deliver them again. */
export function settleEphemeral(
  { cold, dirty }: Replayed,
  watermark: number,
  maintenance: Maintenance,
): void {
  for (const [key, entries] of cold) {
    const newest = entries.at(-1);
    if (!isEphemeralKey(key) || !newest) continue;
    const last = decodeEntry<ConversationEntry>(newest.bytes);
    if (last.t !== "turn" && last.t !== "dropped") continue;
    const inbox = sequenceOf(last.inputs.at(-1)?.at ?? 0);
    if (inbox <= watermark) {
      cold.delete(key);
      dirty.delete(key);
    } else maintenance.ephemeralDone(key, inbox, newest.sequence);
  }
}
