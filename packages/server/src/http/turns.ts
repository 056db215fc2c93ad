import {
  type Accepted,
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

/**
 * Arms what ends a wait for a turn early: the time is over, the client is gone, or the node must stop.
 * The result disarms it.
 */
function armWait(
  { clock, timing, shutdown }: RouteContext,
  reply: FastifyReply,
  waitMs: number,
  end: () => void,
): () => void {
  const cancel = clock.schedule(Math.min(waitMs, timing.waitMaxMs), end);
  const leave = shutdown.onDeadline(end);
  reply.raw.once("close", end);
  return () => {
    cancel();
    leave();
    reply.raw.off("close", end);
  };
}

/** The same as a signal, for those who follow the events. */
export function waitFor(
  context: RouteContext,
  reply: FastifyReply,
): Disposable & { readonly signal: AbortSignal } {
  const ended = new AbortController();
  const disarm = armWait(context, reply, context.timing.waitMaxMs, () => ended.abort());
  return { signal: ended.signal, [Symbol.dispose]: disarm };
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
  throw waitTimeout(asked);
}

/**
 * Submits a message and waits for the commit of its turn. Errors: those of the submission,
 * `wait_timeout`, and the code with which the turn failed.
 */
export async function completeTurn(
  context: RouteContext,
  reply: FastifyReply,
  message: NewMessage,
  waitMs: number = context.timing.waitMaxMs,
): Promise<{ accepted: Accepted; turn: CommittedTurn }> {
  const { end, ...accepted } = await context.conversations.complete(message, (stop) =>
    armWait(context, reply, waitMs, stop),
  );
  if (end?.type === "committed") return { accepted, turn: end };
  throw end ? turnFailure(end) : waitTimeout(accepted);
}

function waitTimeout({ id }: Accepted): HoldfastError {
  return new HoldfastError(
    "wait_timeout",
    `Message ${id} is durable, but its answer was not ready within the wait.`,
  );
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
