import type { InboundMessage } from "@holdfast/core";
import type { MemoryStore } from "@holdfast/engine";
import { decodeRecord } from "../../packages/core/src/path/records.ts";
import type { RunRecord } from "./run-record.ts";

interface Head {
  readonly epoch: number;
  readonly node: string;
  readonly watermark: number;
}

interface Entry {
  readonly t: "opened" | "probe" | "step" | "attempt" | "turn" | "dropped" | "news";
  readonly c: string;
  readonly epoch: number;
  readonly turn: string;
  readonly inputs: readonly { readonly id: string; readonly at: number }[];
  readonly step: { readonly kind: "model" | "tool"; readonly callId: string };
}

/** How the journal says that an input ended. */
export interface Ending {
  readonly kind: "turn" | "dropped";
  readonly conversation: string;
  readonly at: number;
  /** All inputs of the same entry. */
  readonly together: readonly string[];
}

interface Owner {
  readonly node: string;
  readonly epoch: number;
  readonly process: string;
}

const nobody: Owner = { node: "", epoch: 0, process: "nobody" };

type NodeOf = (partition: number, epoch: number) => string | undefined;

/** Sees every record at the moment it is stored, whoever wrote it, and remembers what truncation removes. */
export class JournalChecker {
  readonly endings = new Map<string, Ending>();
  /** Messages that arrived and have no ending. */
  readonly open = new Set<string>();
  readonly #record: RunRecord;
  readonly #owners = new Map<number, Owner>();
  /** Openings of each partition, by the inbox sequence that was its newest then. */
  readonly #openings = new Map<number, number[]>();
  readonly #arrivedAt = new Map<
    string,
    { readonly partition: number; readonly sequence: number }
  >();
  readonly #newest = new Map<string, number>();
  readonly #news = new Set<string>();
  readonly #finishedCalls = new Set<string>();
  readonly #inboxes = new Map<number, { sequence: number; ids: string[] }[]>();
  readonly #newestInbox = new Map<number, number>();
  readonly #watermarks = new Map<number, number>();

  constructor(record: RunRecord) {
    this.#record = record;
  }

  /** The process that may write a partition's journal. */
  writerOf(partition: number): string {
    return this.#owners.get(partition)?.process ?? "";
  }

  /** How often a message's partition was opened after the message had arrived. */
  openingsSince(id: string): number {
    const arrived = this.#arrivedAt.get(id);
    if (!arrived) return 0;
    const openings = this.#openings.get(arrived.partition) ?? [];
    return openings.filter((newest) => newest >= arrived.sequence).length;
  }

  isFinishedCall(turn: string, callId: string): boolean {
    return this.#finishedCalls.has(`${turn}|${callId}`);
  }

  /** `nodeOf` tells to whom an epoch of a partition was assigned. */
  attach(store: MemoryStore, partitions: number, nodeOf: NodeOf): void {
    for (let partition = 0; partition < partitions; partition += 1) {
      this.#inboxes.set(partition, []);
      this.#listen(store, `inbox-${partition}`, (sequence, data) =>
        this.#inboxRecord(partition, sequence, data),
      );
      this.#listen(store, `journal-${partition}`, (sequence, data) =>
        this.#journalRecord(store, nodeOf, partition, sequence, data),
      );
    }
  }

  #listen(store: MemoryStore, name: string, run: (sequence: number, data: Uint8Array) => void) {
    const log = store.logs.get(name);
    if (!log) throw new Error(`There is no log ${name}.`);
    log.onAppend(() => {
      const found = log.at(log.bounds().last);
      if (found) run(found.sequence, found.data);
    });
  }

  #inboxRecord(partition: number, sequence: number, data: Uint8Array): void {
    const { entries } = decodeRecord<null, InboundMessage | null>(data, "inbox");
    const ids = entries.flatMap((message) => (message ? [message.id] : []));
    this.#inboxes.get(partition)?.push({ sequence, ids });
    for (const id of ids) {
      if (this.#arrivedAt.has(id)) continue;
      this.#arrivedAt.set(id, { partition, sequence });
      this.open.add(id);
    }
    this.#newestInbox.set(partition, sequence);
    this.#record.note(`inbox-${partition} ${sequence}: ${ids.join(" ")}`);
  }

  #journalRecord(
    store: MemoryStore,
    nodeOf: NodeOf,
    partition: number,
    sequence: number,
    data: Uint8Array,
  ): void {
    const { head, entries } = decodeRecord<Head, Entry>(data, "journal");
    const { actor } = store;
    if (entries.some(({ t }) => t === "opened")) this.#opened(nodeOf, partition, head, actor);
    else {
      const { process, epoch } = this.#owners.get(partition) ?? nobody;
      if (process !== actor || epoch !== head.epoch) {
        this.#record.violate(
          `journal-${partition} took a record of ${actor} (epoch ${head.epoch}) while ${process} owns it (epoch ${epoch})`,
        );
      }
    }
    this.#checkWatermark(partition, head.watermark);
    const said = entries.map((entry) => this.#entry(entry));
    this.#record.note(
      `journal-${partition} ${sequence} by ${actor} (done ${head.watermark}): ${said.join(", ")}`,
    );
  }

  /** Epochs never fall, and each is one node's; a node may open its own once more. */
  #opened(nodeOf: NodeOf, partition: number, { epoch, node }: Head, process: string): void {
    const before = this.#owners.get(partition) ?? nobody;
    const isOwnAgain = epoch === before.epoch && node === before.node;
    if (epoch <= before.epoch && !isOwnAgain) {
      this.#record.violate(
        `${process} opened partition ${partition} with epoch ${epoch} after ${before.process} with ${before.epoch}`,
      );
    }
    if (nodeOf(partition, epoch) !== node) {
      this.#record.violate(
        `${process} opened partition ${partition} with epoch ${epoch}, which is ${nodeOf(partition, epoch)}'s`,
      );
    }
    this.#owners.set(partition, { node, epoch, process });
    const openings = this.#openings.get(partition) ?? [];
    this.#openings.set(partition, openings);
    openings.push(this.#newestInbox.get(partition) ?? 0);
  }

  #checkWatermark(partition: number, watermark: number): void {
    if (watermark < (this.#watermarks.get(partition) ?? 0)) {
      this.#record.violate(`the watermark of partition ${partition} fell to ${watermark}`);
    }
    this.#watermarks.set(partition, watermark);
    const inbox = this.#inboxes.get(partition) ?? [];
    while (inbox[0] && inbox[0].sequence <= watermark) {
      for (const id of inbox.shift()?.ids ?? []) {
        if (!this.endings.has(id) && !this.#news.has(id)) {
          this.#record.violate(`watermark ${watermark} passed ${id}, which is not done`);
        }
      }
    }
  }

  #entry(entry: Entry): string {
    switch (entry.t) {
      case "turn":
      case "dropped":
        this.#ended(entry, entry.t);
        return `${entry.t} ${entry.c} ${entry.inputs.map(({ id }) => id).join(" ")}`;
      case "news":
        for (const { id } of entry.inputs) this.#taken(id);
        return `news ${entry.c}`;
      case "step":
        this.#stepped(entry);
        return `step ${entry.turn} ${entry.step.kind} ${entry.step.callId ?? ""}`;
      default:
        return `${entry.t} ${entry.c ?? entry.epoch ?? ""}`;
    }
  }

  #ended({ c, inputs }: Entry, kind: "turn" | "dropped"): void {
    this.#record.count(kind);
    const together = inputs.map(({ id }) => id);
    for (const { id, at } of inputs) {
      if (this.endings.has(id)) this.#record.violate(`${id} of ${c} took effect twice`);
      if (at <= (this.#newest.get(c) ?? 0)) {
        this.#record.violate(`${id} of ${c} was handled out of order`);
      }
      this.#newest.set(c, at);
      this.open.delete(id);
      this.endings.set(id, { kind, conversation: c, at, together });
    }
  }

  /** News may be taken twice, and beside a turn. */
  #taken(id: string): void {
    this.#record.count("news");
    this.#news.add(id);
    this.open.delete(id);
  }

  #stepped({ turn, step }: Entry): void {
    this.#record.count("step");
    if (step.kind !== "tool") return;
    const call = `${turn}|${step.callId}`;
    if (this.#finishedCalls.has(call)) {
      this.#record.violate(`the tool call ${call} was finished twice`);
    }
    this.#finishedCalls.add(call);
  }
}
