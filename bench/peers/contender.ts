import type { PeerTarget } from "./peer-request.ts";
import type { Stub } from "./stub.ts";

/** `handler`: a bare conversation; `prompt`: an agent with OpenClaw's default workspace. */
export type Workload = "handler" | "prompt";

/** `serving`: the process that answers; `all`: its store's or engine's processes too. */
export type KillScope = "serving" | "all";

/** A system under comparison. */
export interface Contender {
  readonly name: string;
  readonly workload: Workload;
  /** In one line, for the report. */
  readonly settings: string;
  /** Errors: it cannot be fetched or started. */
  start(options: StartOptions): Promise<RunningContender>;
}

export interface StartOptions {
  readonly stub: Stub;
  /** Its own scratch folder, which exists and is empty. */
  readonly folder: string;
  /** Fetched packages, kept between runs. */
  readonly cache: string;
  /** How many conversations the load will name, from 0. */
  readonly conversations: number;
}

export interface RunningContender {
  readonly version: string;
  /** Where it is reached now: another one after a kill. */
  target(): PeerTarget;
  /** All of its processes. */
  pids(): readonly number[];
  /** Has a message accepted and does not wait for its answer. By default the target's accepting address. */
  submit?(message: PeerMessage): Promise<void>;
  /** Ends it like a crash. `conversation` is one that its victim should own, where there is a choice. */
  kill(scope: KillScope, conversation: number): Promise<void>;
  /** Starts again what was killed; resolves at once. Absent where the others take over. */
  restart?(): Promise<void>;
  /** True when nothing that was accepted waits any more. Absent where it cannot be known. */
  isIdle?(): Promise<boolean>;
  /** Texts of a conversation, oldest first. Absent where they cannot be read. */
  history?(conversation: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export interface PeerMessage {
  readonly conversation: number;
  /** `#ID ` stands in the text, and `re:ID` in the answer. */
  readonly id: string;
  readonly text: string;
}
