import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { type Clock, type FinishReason, HoldfastError, type ToolCall } from "@holdfast/core";
import { parseJson } from "./json.ts";
import { createWatchdog } from "./watchdog.ts";

export type AttemptEvent =
  /** The provider answers. */
  | { readonly type: "alive" }
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "end";
      readonly reason: FinishReason;
      readonly calls: readonly ToolCall[];
      /** Tokens, as far as the provider told them. */
      readonly inputTokens: number | undefined;
      readonly outputTokens: number | undefined;
    };

export interface AttemptOptions {
  readonly model: LanguageModelV4;
  readonly call: Omit<LanguageModelV4CallOptions, "abortSignal">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Text, reasoning and tool arguments together; over it the answer ends with `length`. */
  readonly outputBytes: number;
}

type Finish = Extract<LanguageModelV4StreamPart, { type: "finish" }>;

/** How long the rest of a finished answer is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * One request to a provider. Tool calls come with the `end` only, so that an answer that dies leaves
 * none behind. Errors: `model_timeout`, and whatever the provider's client throws.
 */
export async function* runAttempt(options: AttemptOptions): AsyncGenerator<AttemptEvent, void> {
  const { clock, signal } = options;
  const abort = new AbortController();
  let reader: ReadableStreamDefaultReader<LanguageModelV4StreamPart> | undefined;
  let finished = false;
  const giveUp = (reason: unknown) => {
    abort.abort(reason);
    // Its rejection is the abort itself; the pending read ends by it.
    reader?.cancel(reason).catch(() => undefined);
  };
  const follow = () => giveUp(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", follow, { once: true });
  const watchdog = createWatchdog(clock, options.firstByteTimeoutMs, (silentMs) =>
    giveUp(new HoldfastError("model_timeout", `The model sent nothing for ${silentMs} ms.`)),
  );
  try {
    const guarded = async <T>(waitFor: () => PromiseLike<T>): Promise<T> => {
      watchdog.begin();
      try {
        const result = await waitFor();
        abort.signal.throwIfAborted();
        return result;
      } catch (error) {
        throw abort.signal.aborted ? abort.signal.reason : error;
      } finally {
        watchdog.end();
      }
    };
    const { stream } = await guarded(() =>
      options.model.doStream({ ...options.call, abortSignal: abort.signal }),
    );
    const source = stream.getReader();
    reader = source;
    const output = createOutput(options.outputBytes);
    for (;;) {
      const { done, value: part } = await guarded(() => source.read());
      if (done) throw endedEarly();
      if (part.type === "stream-start") continue;
      if (watchdog.limit(options.idleTimeoutMs)) yield { type: "alive" };
      if (part.type === "error") throw part.error;
      if (part.type === "finish") {
        finished = true;
        yield output.end(part);
        return;
      }
      const text = output.add(part);
      if (text !== "") yield { type: "text", text };
      if (output.isFull()) {
        yield { type: "end", reason: "length", calls: [], ...noUsage };
        return;
      }
    }
  } finally {
    watchdog.stop();
    signal.removeEventListener("abort", follow);
    if (finished && reader) drain(reader, clock, giveUp);
    else giveUp(new DOMException("The call has ended", "AbortError"));
  }
}

const noUsage = { inputTokens: undefined, outputTokens: undefined };

/** Gathers what one answer consists of, within its bound. */
function createOutput(maxBytes: number) {
  const calls: ToolCall[] = [];
  let bytes = 0;
  let producedText = false;
  let full = false;
  const take = (text: string) => {
    const room = maxBytes - bytes;
    bytes += Buffer.byteLength(text);
    full = bytes > maxBytes;
    return full ? cutAtBytes(text, room) : text;
  };
  return {
    isFull: () => full,
    /** The text in the part, if it has any. */
    add(part: LanguageModelV4StreamPart): string {
      if (part.type === "text-delta") {
        producedText ||= part.delta !== "";
        return take(part.delta);
      }
      if (part.type === "reasoning-delta" || part.type === "tool-input-delta") take(part.delta);
      if (part.type === "tool-call" && !part.providerExecuted) {
        const { toolCallId, toolName, input } = part;
        calls.push({ id: toolCallId, name: toolName, arguments: input === "" ? "{}" : input });
      }
      return "";
    },
    end({ finishReason, usage }: Finish): AttemptEvent {
      const { unified } = finishReason;
      const isEmpty = !producedText && calls.length === 0;
      if (unified === "error" || unified === "interrupted" || (unified === "other" && isEmpty)) {
        throw endedEarly();
      }
      const whole = unified === "length" ? calls.filter(isComplete) : calls;
      return {
        type: "end",
        reason: reasonOf(unified, whole.length),
        calls: whole,
        inputTokens: usage.inputTokens.total,
        outputTokens: usage.outputTokens.total,
      };
    },
  };
}

function reasonOf(unified: string, calls: number): FinishReason {
  if (unified === "content-filter") return "content-filter";
  if (calls > 0) return "tool-calls";
  return unified === "length" ? "length" : "stop";
}

/** At the output limit the last call is usually cut in its middle. */
function isComplete(call: ToolCall): boolean {
  return parseJson(call.arguments) !== undefined;
}

function endedEarly(): HoldfastError {
  return new HoldfastError("model_unavailable", "The model's answer ended before it was complete.");
}

/** The longest beginning of at most `maxBytes` of UTF-8, never half a character. */
function cutAtBytes(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, maxBytes)));
  return text.slice(0, read);
}

function drain(
  reader: ReadableStreamDefaultReader<unknown>,
  clock: Clock,
  giveUp: (reason: unknown) => void,
): void {
  const cancel = clock.schedule(drainMs, () => giveUp(new DOMException("Too slow", "AbortError")));
  const readOn = async () => {
    while (!(await reader.read()).done);
  };
  // The answer is complete: how its connection ends does not matter any more.
  readOn().then(cancel, cancel);
}
