import { type HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { escapeKey } from "../path/checkpoints.ts";
import type { DeliveryFailure } from "../path/outgoing-channels.ts";
import { decodeEntry, encodeEntry } from "../path/records.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { KeyValue } from "../ports/key-value.ts";

export const failedDeliveryBucket = "failed-deliveries";

/** Outgoing messages that failed for good or whose outcome nobody knows, for the agents' owners. */
export class FailedDeliveries {
  readonly #keyValue: KeyValue;
  readonly #clock: Clock;
  readonly #report: (error: HoldfastError, where: string) => void;
  readonly #counts = new Map<string, number>();
  /** Since the node started, by state. */
  readonly totals = { failed: 0, unknown: 0 };

  constructor(
    keyValue: KeyValue,
    clock: Clock,
    report: (error: HoldfastError, where: string) => void,
  ) {
    this.#keyValue = keyValue;
    this.#clock = clock;
    this.#report = report;
  }

  /** Not waited for: the conversation itself holds the same, durably. */
  add(failure: DeliveryFailure): void {
    this.totals[failure.state] += 1;
    void this.#putPatiently(failure);
  }

  /** The death of a node makes failures, and takes the engine away for a while. */
  async #putPatiently(failure: DeliveryFailure): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#put(failure);
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.retry === "never" || tries === limits.failedDeliveryTries) {
          return this.#report(error, "failed deliveries");
        }
        await delay(this.#clock, limits.failedDeliveryRetryMs);
      }
    }
  }

  async list(organization: string): Promise<readonly DeliveryFailure[]> {
    const failures: DeliveryFailure[] = [];
    for await (const { value } of this.#keyValue.list(failedDeliveryBucket, organization)) {
      failures.push(decodeEntry<DeliveryFailure>(value));
    }
    return failures;
  }

  /** Forgets one; that it is not there is no error. */
  async remove({
    organization,
    agent,
    id,
  }: Pick<DeliveryFailure, "organization" | "agent" | "id">) {
    await this.#keyValue.delete(failedDeliveryBucket, keyOf({ organization, agent, id }));
  }

  async #put(failure: DeliveryFailure): Promise<void> {
    const { organization } = failure;
    const max = limits.failedDeliveriesPerOrganization;
    if ((this.#counts.get(organization) ?? max) >= max) await this.#makeRoom(organization);
    await this.#keyValue.put(failedDeliveryBucket, keyOf(failure), encodeEntry(failure));
    this.#counts.set(organization, (this.#counts.get(organization) ?? 0) + 1);
  }

  /** A tenth at once, the oldest first. */
  async #makeRoom(organization: string): Promise<void> {
    const keys: string[] = [];
    for await (const { key } of this.#keyValue.list(failedDeliveryBucket, organization)) {
      keys.push(key);
    }
    const most = limits.failedDeliveriesPerOrganization * 0.9;
    const leaving = keys.slice(0, Math.max(0, keys.length - most));
    for (const key of leaving) await this.#keyValue.delete(failedDeliveryBucket, key);
    this.#counts.set(organization, keys.length - leaving.length);
  }
}

function keyOf({
  organization,
  agent,
  id,
}: Pick<DeliveryFailure, "organization" | "agent" | "id">): string {
  return `${organization}.${agent}.${escapeKey(id)}`;
}
