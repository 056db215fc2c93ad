import type { HoldfastError } from "@holdfast/core";
import type { RunRecord } from "./run-record.ts";
import { processName, type SimNode } from "./sim-node.ts";

/** What nodes told their operators. */
export class Reports {
  readonly #record: RunRecord;
  /** Messages whose key had come with another content before. */
  readonly conflicts = new Set<string>();

  constructor(record: RunRecord) {
    this.#record = record;
  }

  take(node: SimNode, error: HoldfastError, where: string): void {
    if (node.state === "ended") return;
    const record = this.#record;
    record.count(`report ${error.code}`);
    record.note(`${processName(node)} reports ${error.code} in ${where}: ${error.message}`);
    if (error.code === "idempotency_conflict") this.conflicts.add(where.replace("message ", ""));
    const isOurs = /^(poison|flaky)$/.test(error.message);
    if (error.code === "data_corrupt" || (error.code === "internal" && !isOurs)) {
      record.violate(
        `${processName(node)} reported ${error.code}: ${error.stack ?? error.message}`,
      );
    }
  }
}
