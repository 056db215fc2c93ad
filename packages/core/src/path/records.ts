import { Packr } from "msgpackr";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * Batch records of both logs: a version byte, a MessagePack head, then the entries one by one, each
 * encoded on its own, so that its size is known before it joins a batch.
 *
 *     u8 version | u32 head length | head | (u32 length | entry)*
 */
const recordVersion = 1;
const packr = new Packr({ useRecords: false });

export function encodeEntry(entry: unknown): Uint8Array {
  return packr.pack(entry);
}

export function decodeEntry<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/** Bytes that an entry takes inside a record. */
export function framedBytes(entry: Uint8Array): number {
  return entry.byteLength + 4;
}

export function encodeRecord(head: unknown, entries: readonly Uint8Array[]): Uint8Array {
  const headBytes = packr.pack(head);
  let size = 5 + headBytes.byteLength;
  for (const entry of entries) size += framedBytes(entry);
  const record = new Uint8Array(size);
  const view = new DataView(record.buffer);
  record[0] = recordVersion;
  let offset = put(record, view, 1, headBytes);
  for (const entry of entries) offset = put(record, view, offset, entry);
  return record;
}

function put(record: Uint8Array, view: DataView, offset: number, bytes: Uint8Array): number {
  view.setUint32(offset, bytes.byteLength);
  record.set(bytes, offset + 4);
  return offset + 4 + bytes.byteLength;
}

export interface DecodedRecord<Head, Entry> {
  readonly head: Head;
  readonly entries: readonly Entry[];
  /** The same entries as they are stored. */
  readonly encoded: readonly Uint8Array[];
}

/** Errors: `data_corrupt`, `home_too_new`. `where` names the record in them. */
export function decodeRecord<Head, Entry>(
  record: Uint8Array,
  where: string,
): DecodedRecord<Head, Entry> {
  if (record[0] !== recordVersion) {
    throw new HoldfastError(
      (record[0] ?? 0) > recordVersion ? "home_too_new" : "data_corrupt",
      `${where} has record version ${record[0]}; this version of Holdfast reads ${recordVersion}.`,
    );
  }
  try {
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const parts: Uint8Array[] = [];
    for (let offset = 1; offset < record.byteLength; ) {
      const end = offset + 4 + view.getUint32(offset);
      if (end > record.byteLength) throw new RangeError("an entry leads past the end");
      parts.push(record.subarray(offset + 4, end));
      offset = end;
    }
    const [head, ...encoded] = parts;
    if (!head) throw new RangeError("there is no head");
    return {
      head: packr.unpack(head) as Head,
      entries: encoded.map((entry) => packr.unpack(entry) as Entry),
      encoded,
    };
  } catch (cause) {
    throw new HoldfastError("data_corrupt", `${where} cannot be decoded.`, { cause });
  }
}

/**
 * An entry's place in a log as one rising number: record sequence and index inside the record.
 * Sequences up to 2^41 are exact.
 */
const slots = 4096;

export function position(sequence: number, index: number): number {
  return sequence * slots + index;
}

export function sequenceOf(at: number): number {
  return Math.floor(at / slots);
}

if (limits.batchEntries > slots) throw new RangeError("a batch has more entries than positions");
