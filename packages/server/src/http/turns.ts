import {
  type Asked,
  type ConversationEvent,
  errorCatalog,
  type ErrorCode,
  HoldfastError,
  type NewMessage,
  type StoredMessage,
  type ToolCall,
} from "@holdfast/core";
import type { FastifyReply } from "fastify";
import type { RouteContext } from "./dependencies.ts";

export type CommittedTurn = Extract<ConversationEvent, { type: "committed" }>;
type FailedTurn = Extract<ConversationEvent, { type: "failed" }>;

/** A wait for a turn: it ends when the time is over, the client is gone, or the node must stop. */
export interface Wait extends Disposable {
  readonly signal: AbortSignal;
}

export function waitFor(context: RouteContext, reply: FastifyReply, waitMs: number): Wait {
  const ended = new AbortController();
  const end = () => ended.abort();
  const cancel = context.clock.schedule(Math.min(waitMs, context.timing.waitMaxMs), end);
  const { deadline } = context.shutdown;
  deadline.addEventListener("abort", end);
  reply.raw.once("close", end);
  return {
    signal: ended.signal,
    [Symbol.dispose]() {
      cancel();
      deadline.removeEventListener("abort", end);
      reply.raw.off("close", end);
    },
  };
}

/**
 * The events of a turn up to its commit, which is the last. Errors: `wait_timeout` when the signal
 * ends the wait, and the code with which the turn failed.
 */
export async function* turnEvents(
  asked: Asked,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent, void, undefined> {
  let failed: FailedTurn | undefined;
  try {
    for await (const event of asked.events) {
      if (event.type === "failed") failed = event;
      else yield event;
      if (event.type === "committed") return;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
  if (failed) throw turnFailure(failed);
  throw new HoldfastError(
    "wait_timeout",
    `Message ${asked.id} is durable, but its answer was not ready within the wait.`,
  );
}

/** Submits a message and waits for the commit of its turn. */
export async function completeTurn(
  context: RouteContext,
  message: NewMessage,
  signal: AbortSignal,
): Promise<{ asked: Asked; turn: CommittedTurn }> {
  const asked = await context.conversations.ask(message, signal);
  for await (const event of turnEvents(asked, signal)) {
    if (event.type === "committed") return { asked, turn: event };
  }
  throw new HoldfastError("internal", "The events of a turn ended without its commit.");
}

function turnFailure(event: FailedTurn): HoldfastError {
  const code: ErrorCode = Object.hasOwn(errorCatalog, event.code)
    ? (event.code as ErrorCode)
    : "turn_failed";
  const { retryAfterMs } = event;
  return new HoldfastError(code, event.message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** What the agent said in a turn; the texts of its steps stand apart. */
export function turnText(messages: readonly StoredMessage[]): string {
  const texts = messages.filter(({ role, text }) => role === "assistant" && text !== "");
  return texts.map(({ text }) => text).join(stepSeparator);
}

export const stepSeparator = "\n\n";

/** The calls that the client must answer: those of the last step that have no result. */
export function openToolCalls(messages: readonly StoredMessage[]): readonly ToolCall[] {
  const last = messages.findLast(({ role }) => role === "assistant");
  const answered = new Set(messages.map(({ toolCallId }) => toolCallId));
  return (last?.toolCalls ?? []).filter(({ id }) => !answered.has(id));
}
