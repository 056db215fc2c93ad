import {
  type Clock,
  delay,
  HoldfastError,
  limits,
  type ModelEvent,
  type ModelRequest,
  type Random,
} from "@holdfast/core";
import { type AttemptEvent, runAttempt } from "./attempt.ts";
import type { CircuitBreakers, CircuitPass } from "./circuit-breaker.ts";
import { ContinuationFilter, continuationMessages } from "./continuation.ts";
import { echoModel, streamEcho } from "./demo-echo.ts";
import { greeterModel, streamDemo } from "./demo-model.ts";
import { countsAgainstProvider, isTransient, modelFailure } from "./failures.ts";
import { toCallOptions } from "./prompt.ts";
import type { createProviders, ResolvedModel } from "./providers.ts";
import { estimateTokens } from "./tokens.ts";

export interface AnswerDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly breakers: CircuitBreakers;
  readonly providers: ReturnType<typeof createProviders>;
}

type RemoteModel = Extract<ResolvedModel, { kind: "remote" }>;

/** What the consumer was given so far, over all tries and providers. */
interface Progress {
  sent: string;
  sentBytes: number;
}

/**
 * One coherent answer from the request's model or, when that fails, its fallbacks in order. Each
 * provider is tried up to `limits.modelAttempts` times. A try behind text that was already given out
 * asks the model to go on, and what it repeats is dropped.
 */
export async function* streamAnswer(
  dependencies: AnswerDependencies,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void> {
  const progress: Progress = { sent: "", sentBytes: 0 };
  const failures: HoldfastError[] = [];
  for (const name of [request.model, ...request.fallbacks]) {
    signal.throwIfAborted();
    try {
      const model = dependencies.providers.resolve(request.organization, name);
      if (model.kind === "demo") yield* streamBuiltIn(model, request, signal);
      else yield* streamRemote(dependencies, model, request, progress, signal);
      return;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof HoldfastError)) throw error;
      failures.push(error);
    }
  }
  throw worthMost(failures);
}

async function* streamBuiltIn(
  { model, title }: Extract<ResolvedModel, { kind: "demo" }>,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void> {
  if (model === echoModel) return yield* streamEcho(request, title, signal);
  if (model === greeterModel) return yield* streamDemo(request, title);
  throw new HoldfastError(
    "model_not_found",
    `The demo has no model ${model}, only ${greeterModel} and ${echoModel}.`,
  );
}

/** Tries one provider, again while its failures are transient. */
async function* streamRemote(
  dependencies: AnswerDependencies,
  model: RemoteModel,
  request: ModelRequest,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void> {
  const { breakers, clock, random } = dependencies;
  const circuit = JSON.stringify([request.organization, model.provider, model.baseUrl]);
  for (let attempt = 1; ; attempt++) {
    const pass = breakers.enter(circuit, model.title);
    try {
      return yield* streamOnce(clock, model, request, progress, pass, signal);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const { title, secrets } = model;
      const failure = modelFailure(thrown, { title, secrets, now: clock.now() });
      if (countsAgainstProvider(failure)) pass.failed(failure.message);
      else if (isTransient(failure)) pass.abandoned();
      else pass.succeeded();
      const askedMs = failure.retryAfterMs ?? 0;
      const isLast = attempt >= limits.modelAttempts || askedMs > limits.modelRetryMaxMs;
      if (!isTransient(failure) || isLast) throw failure;
      await delay(clock, askedMs + jitterMs(attempt, random), signal);
      signal.throwIfAborted();
    } finally {
      // For a consumer that stopped reading; does nothing when the outcome was told above.
      pass.abandoned();
    }
  }
}

async function* streamOnce(
  clock: Clock,
  model: RemoteModel,
  request: ModelRequest,
  progress: Progress,
  pass: CircuitPass,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void> {
  const filter = new ContinuationFilter(progress.sent);
  const attempt = runAttempt({
    model: model.client,
    call: toCallOptions(continuing(request, progress.sent)),
    clock,
    signal,
    firstByteTimeoutMs: model.timeoutMs ?? limits.modelFirstByteTimeoutMs,
    idleTimeoutMs: model.timeoutMs ?? limits.modelIdleTimeoutMs,
    outputBytes: limits.modelOutputBytes - progress.sentBytes,
  });
  for await (const event of attempt) {
    if (event.type === "alive") pass.alive();
    const text = event.type === "text" ? filter.push(event.text) : "";
    const rest = event.type === "end" ? filter.flush() : "";
    for (const part of [text, rest]) {
      if (part === "") continue;
      progress.sent += part;
      progress.sentBytes += Buffer.byteLength(part);
      yield { type: "text", text: part };
    }
    if (event.type !== "end") continue;
    pass.succeeded();
    for (const call of event.calls) yield { type: "tool-call", call };
    yield finishOf(event, model, request, progress);
  }
}

/** In the middle of a JSON answer the model must write a part of it, which JSON modes forbid. */
function continuing(request: ModelRequest, sent: string): ModelRequest {
  if (sent === "") return request;
  const { responseFormat: _, ...settings } = request.settings;
  return { ...request, settings, messages: continuationMessages(request.messages, sent) };
}

function finishOf(
  end: Extract<AttemptEvent, { type: "end" }>,
  model: RemoteModel,
  request: ModelRequest,
  progress: Progress,
): ModelEvent {
  const estimateInput = () =>
    request.messages.reduce((sum, { text }) => sum + estimateTokens(text), 0) +
    estimateTokens(request.instructions);
  const usage = {
    inputTokens: end.inputTokens ?? estimateInput(),
    outputTokens: end.outputTokens ?? estimateTokens(progress.sent),
  };
  return { type: "finish", reason: end.reason, usage, model: model.title };
}

/** Full jitter: anything between nothing and the doubled step. */
function jitterMs(attempt: number, random: Random): number {
  const ceiling = Math.min(limits.modelRetryMaxMs, limits.modelRetryMinMs * 2 ** (attempt - 1));
  return random.next() * ceiling;
}

/** The first failure that a later repeat may mend, with the shortest wait; else the first of all. */
function worthMost(failures: readonly HoldfastError[]): HoldfastError {
  const transient = failures.filter(isTransient);
  const first = transient[0] ?? failures[0];
  if (!first) return new HoldfastError("internal", "No model was tried.");
  const waits = transient.map((failure) => failure.retryAfterMs ?? 0);
  if (transient.length < 2) return first;
  return new HoldfastError(first.code, first.message, { retryAfterMs: Math.min(...waits) });
}
