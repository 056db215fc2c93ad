import {
  delay,
  type Engine,
  HoldfastError,
  Inbox,
  type OwnerServices,
  Partition,
  toHoldfastError,
} from "@holdfast/core";

const assignmentBucket = "assignments";
const reopenMinMs = 200;
const reopenMaxMs = 10_000;
const openPatienceMs = 20_000;

interface Assignment {
  readonly node: string;
  readonly epoch: number;
}

/** The partitions of this node: opens them, and opens again what was lost while the node is assigned. */
export class Partitions {
  readonly count: number;
  readonly #services: OwnerServices;
  readonly #inboxes: readonly Inbox[];
  readonly #open: (Partition | undefined)[];
  readonly #stop = new AbortController();

  constructor(services: OwnerServices, count: number) {
    const { engine, gate, clock } = services;
    this.count = count;
    this.#services = services;
    this.#inboxes = Array.from(
      { length: count },
      (_, number) => new Inbox(engine.messageLog, number, gate, clock),
    );
    this.#open = Array.from({ length: count }, () => undefined);
  }

  readonly inbox = (partition: number): Inbox => {
    const inbox = this.#inboxes[partition];
    if (!inbox) throw new HoldfastError("internal", `There is no partition ${partition}.`);
    return inbox;
  };

  readonly owner = (partition: number): Partition | undefined => this.#open[partition];

  /** Takes all partitions over; resolves when each is open. Errors: those of `Partition.open`. */
  async openAll(): Promise<void> {
    await Promise.all(this.#open.map((_, number) => this.#openNow(number)));
  }

  open(): readonly Partition[] {
    return this.#open.filter((partition) => partition?.isOpen === true) as Partition[];
  }

  /** Sends a probe through every partition. Errors: the first failure. */
  async probe(): Promise<void> {
    await Promise.all(
      this.#open.map(async (partition, number) => {
        if (!partition?.isOpen) {
          throw new HoldfastError("not_ready", `Partition ${number} is not open.`);
        }
        await partition.probe(this.inbox(number));
      }),
    );
  }

  /** Stops at once: the journal holds everything that the next start needs. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const inbox of this.#inboxes) inbox.close();
    await Promise.all(this.open().map((partition) => partition.close()));
  }

  async #openNow(number: number): Promise<void> {
    const deadline = this.#services.clock.monotonic() + openPatienceMs;
    for (let pauseMs = reopenMinMs; ; pauseMs = Math.min(reopenMaxMs, pauseMs * 2)) {
      try {
        await this.#tryOpen(number);
        return;
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.retry === "never" || this.#services.clock.monotonic() > deadline) throw error;
        this.#services.report(error, `opening of partition ${number}`);
        await delay(this.#services.clock, pauseMs, this.#stop.signal);
        if (this.#stop.signal.aborted) return;
      }
    }
  }

  async #tryOpen(number: number): Promise<void> {
    const { engine, node } = this.#services;
    const epoch = await raiseEpoch(engine, number, node);
    const partition = await Partition.open(number, epoch, this.#services, (error) =>
      this.#onLost(number, error),
    );
    this.#open[number] = partition;
    if (this.#stop.signal.aborted) await partition.close();
  }

  #onLost(number: number, error: HoldfastError): void {
    if (error.code === "data_corrupt" || error.code === "home_too_new") return;
    const reopen = async (): Promise<void> => {
      while (!this.#stop.signal.aborted) {
        await delay(this.#services.clock, reopenMinMs, this.#stop.signal);
        try {
          await this.#openNow(number);
          return;
        } catch (thrown) {
          this.#services.report(toHoldfastError(thrown), `opening of partition ${number}`);
        }
      }
    };
    void reopen();
  }
}

/** A new epoch for this node's turn as owner, recorded with compare-and-set. */
async function raiseEpoch(engine: Engine, partition: number, node: string): Promise<number> {
  const key = `partition.${partition}`;
  const entry = await engine.keyValue.get(assignmentBucket, key);
  const before = entry
    ? (JSON.parse(new TextDecoder().decode(entry.value)) as Assignment)
    : { epoch: 0 };
  const assignment: Assignment = { node, epoch: before.epoch + 1 };
  const value = new TextEncoder().encode(JSON.stringify(assignment));
  await engine.keyValue.update(assignmentBucket, key, value, entry?.revision ?? 0);
  return assignment.epoch;
}

/** The cell's partition count, fixed when the cell was created. */
export async function partitionCount(engine: Engine, wanted: number): Promise<number> {
  const found = await engine.keyValue.get(assignmentBucket, "cell");
  if (found) {
    return (JSON.parse(new TextDecoder().decode(found.value)) as { partitions: number }).partitions;
  }
  const value = new TextEncoder().encode(JSON.stringify({ partitions: wanted }));
  try {
    await engine.keyValue.update(assignmentBucket, "cell", value, 0);
    return wanted;
  } catch (thrown) {
    if (toHoldfastError(thrown).code !== "revision_conflict") throw thrown;
    return partitionCount(engine, wanted);
  }
}
