import type { HoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Random } from "../ports/random.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { AppendGate } from "./commit-queue.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Egress } from "./egress.ts";
import type { HandedSteps } from "./handed-steps.ts";
import type { HistoryPages } from "./history.ts";
import type { OutgoingChannels } from "./outgoing-channels.ts";
import type { Pending } from "./pending.ts";
import type { TurnServices } from "./turn.ts";
import type { TurnScheduler } from "./turn-scheduler.ts";

/** What the partitions of a node share. */
export interface OwnerServices extends TurnServices {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly node: NodeId;
  readonly gate: AppendGate;
  readonly scheduler: TurnScheduler;
  readonly pending: Pending;
  readonly egress: Egress;
  readonly checkpoints: Checkpoints;
  readonly history: HistoryPages;
  readonly deadLetters: DeadLetters;
  readonly handed: HandedSteps;
  /** Absent where there are no channels. */
  readonly channels?: OutgoingChannels;
  /** What an operator should know; never a message's text. */
  readonly report: (error: HoldfastError, where: string) => void;
}
