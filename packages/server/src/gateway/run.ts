import type { Cancel, Clock, MessageId, TurnId } from "@holdfast/core";
import { type CommittedTurn, stepSeparator, turnText } from "../http/turns.ts";
import { gatewayLimits } from "./limits.ts";
import { assistantMessage } from "./messages.ts";
import type { ErrorShape } from "./protocol.ts";

/** How a run ended for its clients. */
export type RunOutcome =
  | { readonly status: "ok"; readonly turn: CommittedTurn; readonly text: string }
  | { readonly status: "error"; readonly error: ErrorShape }
  | { readonly status: "timeout"; readonly error: ErrorShape }
  | { readonly status: "aborted" };

/** What clients of a session are told; each gets it under the session's key and agent id of its own. */
export interface SessionEvent {
  readonly event: "chat" | "agent" | "sessions.changed" | "session.message";
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface RunOptions {
  /** Chosen by the client that began it: its idempotency key. */
  readonly id: string;
  readonly clock: Clock;
  readonly emit: (event: SessionEvent) => void;
  /** A run of another node's client, or of another way into the conversation. */
  readonly isForeign: boolean;
}

/** One message and the turn that answers it, as the clients of this node see them. */
export class Run {
  readonly id: string;
  readonly isForeign: boolean;
  readonly startedAt: number;
  /** Resolves with the outcome. */
  readonly ended: Promise<RunOutcome>;
  /** The messages that it stands for. */
  inputs: readonly MessageId[] = [];
  turn: TurnId | undefined;
  /** Monotonic; of the last event. */
  heardAt: number;
  /** How often the history was asked for its end since then. */
  looks = 0;
  readonly #options: RunOptions;
  readonly #resolve: (outcome: RunOutcome) => void;
  #outcome: RunOutcome | undefined;
  #text = "";
  /** The beginning of the text that was sent. */
  #sent = 0;
  #replaces = false;
  #seq = 0;
  #tools = 0;
  #hasBegun = false;
  #cancelDelta: Cancel | undefined;

  constructor(options: RunOptions) {
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    this.id = options.id;
    this.isForeign = options.isForeign;
    this.ended = promise;
    this.startedAt = options.clock.now();
    this.heardAt = options.clock.monotonic();
    this.#options = options;
    this.#resolve = resolve;
  }

  get outcome(): RunOutcome | undefined {
    return this.#outcome;
  }

  /** What was streamed until now. */
  get text(): string {
    return this.#text;
  }

  /** A turn begins, or begins anew: what the last try said is void. */
  begin(turn: TurnId): void {
    this.#hear();
    if (this.#outcome) return;
    this.turn = turn;
    if (this.#text !== "") {
      this.#text = "";
      this.#sent = 0;
      this.#replaces = true;
    }
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#agent("lifecycle", { phase: "start", startedAt: this.#options.clock.now() });
    this.#changed("start");
  }

  say(text: string): void {
    this.#hear();
    if (this.#outcome || this.#text.length + text.length > gatewayLimits.deltaChars) return;
    this.#text += text;
    // A delta repeats what was said before, so long texts are sent less often.
    const pauseMs = gatewayLimits.deltaMs + this.#text.length / gatewayLimits.deltaCharsPerMs;
    this.#cancelDelta ??= this.#options.clock.schedule(pauseMs, () => this.#sendDelta());
  }

  tool(name: string, state: "running" | "finished" | "failed"): void {
    this.#hear();
    if (this.#outcome) return;
    // The texts of a turn's steps stand apart in its answer.
    if (state !== "running" && this.#text !== "" && !this.#text.endsWith(stepSeparator)) {
      this.say(stepSeparator);
    }
    if (state === "running") this.#tools += 1;
    const toolCallId = `${this.id}.${this.#tools}`;
    this.#agent(
      "tool",
      state === "running"
        ? { phase: "start", toolCallId, name }
        : { phase: "result", toolCallId, name, isError: state === "failed" },
    );
  }

  /** `isSilent`: another run of the same turn brings its text. */
  end(outcome: RunOutcome, isSilent = false): void {
    if (this.#outcome) return;
    this.#outcome = outcome;
    this.#cancelDelta?.();
    const now = this.#options.clock.now();
    const isError = outcome.status === "error" || outcome.status === "timeout";
    if (outcome.status === "ok") {
      const { finish, usage } = outcome.turn;
      const last = { stopReason: finish, usage: usageView(usage) };
      const message = assistantMessage(outcome.text, now);
      this.#chat("final", { ...last, ...(!isSilent && { message }) });
    } else if (outcome.status === "aborted") {
      const said = this.#text === "" ? undefined : assistantMessage(this.#text, now);
      this.#chat("aborted", { stopReason: "aborted", ...(said && { message: said }) });
    } else {
      const errorKind = outcome.status === "timeout" ? "timeout" : "unknown";
      this.#chat("error", { errorMessage: outcome.error.message, errorKind });
    }
    this.#agent("lifecycle", {
      phase: isError ? "error" : "end",
      startedAt: this.startedAt,
      endedAt: now,
      ...(isError && { error: outcome.error.message }),
      ...(outcome.status === "aborted" && { aborted: true }),
    });
    this.#changed(isError ? "error" : "end");
    this.#resolve(outcome);
  }

  committed(turn: CommittedTurn, isSilent = false): void {
    this.end({ status: "ok", turn, text: turnText(turn.messages) }, isSilent);
  }

  #hear(): void {
    this.heardAt = this.#options.clock.monotonic();
    this.looks = 0;
  }

  #sendDelta(): void {
    this.#cancelDelta = undefined;
    if (this.#outcome) return;
    const deltaText = this.#text.slice(this.#sent);
    this.#sent = this.#text.length;
    const message = assistantMessage(this.#text, this.#options.clock.now());
    this.#chat("delta", { deltaText, message, ...(this.#replaces && { replace: true }) });
    this.#replaces = false;
  }

  #chat(state: "delta" | "final" | "aborted" | "error", more: object): void {
    this.#emit("chat", { seq: (this.#seq += 1), state, ...more });
  }

  #agent(stream: "lifecycle" | "tool", data: object): void {
    this.#emit("agent", { seq: (this.#seq += 1), stream, ts: this.#options.clock.now(), data });
  }

  #changed(phase: "start" | "end" | "error"): void {
    const ts = this.#options.clock.now();
    this.#emit("sessions.changed", { phase, ts, updatedAt: ts, hasActiveRun: phase === "start" });
  }

  #emit(event: SessionEvent["event"], payload: object): void {
    this.#options.emit({ event, payload: { runId: this.id, ...payload } });
  }
}

export function usageView(usage: CommittedTurn["usage"]) {
  const { inputTokens: input, outputTokens: output } = usage;
  return { input, output, total: input + output };
}
