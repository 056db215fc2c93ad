import type { InboundMessage } from "@holdfast/core";
import type { MemoryStore } from "@holdfast/engine";
import { decodeRecord } from "../../../packages/core/src/path/records.ts";
import type { RunRecord } from "./run-record.ts";

interface Head {
  readonly epoch: number;
  readonly node: string;
  readonly watermark: number;
}

interface Entry {
  readonly t: "opened" | "probe" | "step" | "attempt" | "turn" | "dropped";
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

/** Sees every record at the moment it is stored, whoever wrote it, and remembers what truncation removes. */
export class JournalChecker {
  readonly endings = new Map<string, Ending>();
  readonly #record: RunRecord;
  readonly #epochs = new Map<number, number>();
  readonly #newest = new Map<string, number>();
  readonly #finishedCalls = new Set<string>();
  readonly #inboxes = new Map<number, { sequence: number; ids: string[] }[]>();
  readonly #watermarks = new Map<number, number>();

  constructor(record: RunRecord) {
    this.#record = record;
  }

  /** The epoch that owns the partition. */
  epochOf(partition: number): number {
    return this.#epochs.get(partition) ?? 0;
  }

  isFinishedCall(turn: string, callId: string): boolean {
    return this.#finishedCalls.has(`${turn}|${callId}`);
  }

  attach(store: MemoryStore, partitions: number): void {
    for (let partition = 0; partition < partitions; partition += 1) {
      this.#inboxes.set(partition, []);
      this.#listen(store, `inbox-${partition}`, (sequence, data) =>
        this.#inboxRecord(partition, sequence, data),
      );
      this.#listen(store, `journal-${partition}`, (sequence, data) =>
        this.#journalRecord(partition, sequence, data),
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
    this.#record.note(`inbox-${partition} ${sequence}: ${ids.join(" ")}`);
  }

  #journalRecord(partition: number, sequence: number, data: Uint8Array): void {
    const { head, entries } = decodeRecord<Head, Entry>(data, "journal");
    const opened = entries.find(({ t }) => t === "opened");
    const owner = this.epochOf(partition);
    if (opened ? head.epoch <= owner : head.epoch !== owner) {
      this.#record.violate(
        `journal-${partition} took a record of epoch ${head.epoch} while ${owner} owns it`,
      );
    }
    this.#epochs.set(partition, Math.max(owner, head.epoch));
    this.#checkWatermark(partition, head.watermark);
    const said = entries.map((entry) => this.#entry(entry));
    this.#record.note(
      `journal-${partition} ${sequence} by ${head.node} (done ${head.watermark}): ${said.join(", ")}`,
    );
  }

  #checkWatermark(partition: number, watermark: number): void {
    if (watermark < (this.#watermarks.get(partition) ?? 0)) {
      this.#record.violate(`the watermark of partition ${partition} fell to ${watermark}`);
    }
    this.#watermarks.set(partition, watermark);
    const inbox = this.#inboxes.get(partition) ?? [];
    while (inbox[0] && inbox[0].sequence <= watermark) {
      for (const id of inbox.shift()?.ids ?? []) {
        if (!this.endings.has(id)) {
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
      this.endings.set(id, { kind, conversation: c, at, together });
    }
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
