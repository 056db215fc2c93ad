import { HoldfastError } from "../errors.ts";
import type { ConversationRef, TurnId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { ConversationEvent, InboundMessage, StoredMessage, TurnOptions } from "../messages.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { ReachFailpoint } from "../ports/failpoints.ts";
import type { Model, ModelMessage, ModelRequest, ToolCall } from "../ports/model.ts";
import type { Tools, ToolList } from "../ports/tools.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { Agent } from "../resources.ts";
import type { ModelStep, Step, ToolStep } from "./conversation-state.ts";
import { decodeEntry } from "./records.ts";

/** What turns need of the node. */
export interface TurnServices {
  readonly resources: ResourceStore;
  readonly model: Model;
  readonly tools: Tools;
  readonly blobs: BlobStore;
  /** The text that tells a model who the agent is. */
  readonly instructionsOf: (agent: Agent) => string;
  readonly reach: ReachFailpoint;
  /**
   * Undefined while the node was heard of within the time after which others take over; after a pause,
   * resolves when it was again, and what was decided meanwhile has arrived.
   */
  readonly stillAlive?: () => Promise<void> | undefined;
}

export interface TurnContext {
  readonly id: TurnId;
  readonly ref: ConversationRef;
  readonly inputs: readonly InboundMessage[];
  /** The conversation's newest messages. */
  readonly history: readonly StoredMessage[];
  /** Characters of their texts; of a long text only what stands in the record. */
  readonly historyChars: number;
  /** How many of them have a long text in the blob store. */
  readonly historyBlobs: number;
  /** Steps that were finished before this run; grows as steps are journaled. */
  readonly steps: readonly Step[];
  /** Makes a step durable; resolves when it is, with the step in `steps`. */
  readonly journal: (step: Step) => Promise<void>;
  readonly isFollowed: () => boolean;
  readonly emit: (event: ConversationEvent) => void;
  /** A step begins; undefined, or the result that the partition's last owner hands over, if it can. */
  readonly begin: (step: StepName) => Promise<Step | undefined> | undefined;
  /** A step has its result. Throws when the turn goes on elsewhere. */
  readonly done: (step: StepName, result: Step) => void;
  /** Throws when the turn goes on elsewhere, so that nothing is begun here any more. */
  readonly ensureHere: () => void;
  readonly signal: AbortSignal;
}

/** Of one turn: `m` and the number of the steps before a model call, `t` and the id of a tool call. */
export type StepName = `m${number}` | `t${string}`;

export function nameOf(step: Step, before: number): StepName {
  return step.kind === "model" ? `m${before}` : `t${step.callId}`;
}

/**
 * Stage 5 of the message path: model and tool calls until the model has its answer. Each finished step is
 * durable before the next one begins, so a crash continues from the last finished step (DESIGN D7).
 * Resolves to the answer, which the caller commits. Throws what made the turn fail.
 */
export async function runTurn(services: TurnServices, turn: TurnContext): Promise<ModelStep> {
  const agent = services.resources.agent(turn.ref);
  if (!agent) {
    throw new HoldfastError(
      "agent_not_found",
      `There is no agent ${turn.ref.organization}/${turn.ref.agent}.`,
    );
  }
  const depth = turn.inputs.reduce((most, { depth }) => Math.max(most, depth), 0);
  const toolContext = { ...turn.ref, depth };
  const available = await services.tools.describe(toolContext);
  const last = turn.inputs.at(-1);
  const options = last && (await readOptions(last, services.blobs));
  const run: Run = { services, turn, agent, available, options, depth };

  await finishCalls(run, true);
  const maxSteps = agent.limits?.maxSteps ?? limits.stepsPerTurn;
  let calls = turn.steps.filter(({ kind }) => kind === "model").length;
  for (; calls < maxSteps; calls += 1) {
    const step = await callModel(run);
    const isClients = (call: ToolCall) =>
      options?.clientTools?.some(({ name }) => name === call.name) === true;
    const mine = step.toolCalls.filter((call) => !isClients(call));
    const clients = step.toolCalls.filter(isClients);
    if (mine.length === 0) return step;
    await turn.journal({ ...step, toolCalls: mine });
    services.reach("afterStepJournaled");
    await finishCalls(run, false);
    if (clients.length > 0) return { ...step, text: "", toolCalls: clients };
  }
  throw new HoldfastError(
    "step_limit",
    `The turn made ${calls} model calls without an answer; the limit is ${maxSteps}.`,
  );
}

/** A message's options, wherever they stand. Errors: `data_corrupt`. */
export async function readOptions(
  { options, optionsBlob }: InboundMessage,
  blobs: BlobStore,
): Promise<TurnOptions | undefined> {
  if (optionsBlob === undefined) return options;
  const bytes = await blobs.get(optionsBlob);
  if (!bytes) throw new HoldfastError("data_corrupt", `Blob ${optionsBlob} is missing.`);
  return decodeEntry<TurnOptions>(bytes);
}

interface Run {
  readonly services: TurnServices;
  readonly turn: TurnContext;
  readonly agent: Agent;
  readonly available: ToolList;
  readonly options: TurnOptions | undefined;
  readonly depth: number;
}

/** Answers every tool call of the newest model step that has no result yet. */
async function finishCalls(run: Run, isResumed: boolean): Promise<void> {
  const { steps } = run.turn;
  const last = steps.findLastIndex(({ kind }) => kind === "model");
  const model = steps[last];
  if (model?.kind !== "model") return;
  const answered = new Set(
    steps.slice(last + 1).map((step) => (step.kind === "tool" ? step.callId : "")),
  );
  const open = model.toolCalls.filter(({ id }) => !answered.has(id));
  // Those that run must come to their end, whatever becomes of the others.
  const ends = await Promise.allSettled(open.map((call) => finishCall(run, call, last, isResumed)));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
}

async function finishCall(
  run: Run,
  call: ToolCall,
  stepNumber: number,
  isResumed: boolean,
): Promise<void> {
  const { turn, services, available, depth } = run;
  const name = `t${call.id}` as const;
  const handed = await turn.begin(name);
  const isIdempotent = available.tools.find(({ name }) => name === call.name)?.idempotent === true;
  const isUnsafe = isResumed && !isIdempotent;
  let result: ToolStep;
  if (handed?.kind === "tool") {
    result = handed;
  } else if (isUnsafe) {
    result = toolStep(call, unknownOutcome(call.name), true);
  } else {
    turn.emit({ type: "tool", turn: turn.id, name: call.name, state: "running" });
    services.reach("beforeToolCall");
    const answer = await services.tools.call(call, {
      ...turn.ref,
      depth,
      idempotencyKey: `${turn.id}.${stepNumber}.${call.id}`,
      signal: turn.signal,
    });
    services.reach("afterToolCall");
    result = toolStep(call, answer.text, answer.isError);
  }
  turn.signal.throwIfAborted();
  turn.done(name, result);
  await turn.journal(result);
  services.reach("afterToolJournaled");
  const state = result.isError ? "failed" : "finished";
  turn.emit({ type: "tool", turn: turn.id, name: call.name, state });
}

function toolStep(call: ToolCall, text: string, isError: boolean): ToolStep {
  return { kind: "tool", callId: call.id, name: call.name, text, isError };
}

function unknownOutcome(name: string): string {
  return (
    `Outcome unknown: the node stopped while ${name} was running, and ${name} may not be repeated blindly. ` +
    "It may or may not have taken effect. Find out before you call it again, or ask a human."
  );
}

async function callModel(run: Run): Promise<ModelStep> {
  const { turn } = run;
  const name = `m${turn.steps.length}` as const;
  const handed = await turn.begin(name);
  const step = handed?.kind === "model" ? handed : await askModel(run);
  turn.done(name, step);
  return step;
}

async function askModel(run: Run): Promise<ModelStep> {
  const { services, turn } = run;
  const request = await buildRequest(run);
  // A process that was stopped for a while must not ask for what others have answered meanwhile.
  const paused = services.stillAlive?.();
  if (paused) await paused;
  turn.signal.throwIfAborted();
  turn.ensureHere();
  services.reach("beforeModelCall");
  let text = "";
  let argumentBytes = 0;
  const toolCalls: ToolCall[] = [];
  for await (const event of services.model.stream(request, turn.signal)) {
    if (event.type === "text") {
      text += event.text;
      if (turn.isFollowed()) turn.emit({ type: "delta", turn: turn.id, text: event.text });
    } else if (event.type === "tool-call") {
      toolCalls.push(event.call);
      argumentBytes += event.call.arguments.length * 3;
    } else {
      services.reach("afterModelCall");
      checkAnswer(text, toolCalls, argumentBytes);
      const { reason, usage, model } = event;
      return { kind: "model", text, toolCalls, finish: reason, usage, model };
    }
  }
  turn.signal.throwIfAborted();
  throw new HoldfastError("model_unavailable", "The model's stream ended without a finish.");
}

function checkAnswer(text: string, toolCalls: readonly ToolCall[], argumentBytes: number): void {
  if (text === "" && toolCalls.length === 0) {
    throw new HoldfastError("model_empty", "The model answered with neither text nor a tool call.");
  }
  if (toolCalls.length > limits.toolCallsPerStep || argumentBytes > limits.toolArgumentBytes) {
    throw new HoldfastError(
      "turn_failed",
      `The model made ${toolCalls.length} tool calls with about ${argumentBytes} bytes in one step; the limits are ${limits.toolCallsPerStep} and ${limits.toolArgumentBytes}.`,
    );
  }
}

async function buildRequest(run: Run): Promise<ModelRequest> {
  const { agent, options, services, available } = run;
  const model = typeof agent.model === "string" ? { primary: agent.model } : agent.model;
  const instructions = services.instructionsOf(agent);
  return {
    organization: agent.organization,
    model: model.primary,
    fallbacks: model.fallbacks ?? [],
    instructions: options?.instructions
      ? `${instructions}\n\n${options.instructions}`
      : instructions,
    messages: await buildMessages(run),
    tools: options?.clientTools ? [...available.tools, ...options.clientTools] : available.tools,
    settings: {
      ...(model.temperature !== undefined && { temperature: model.temperature }),
      ...(model.topP !== undefined && { topP: model.topP }),
      ...(model.maxOutputTokens !== undefined && { maxOutputTokens: model.maxOutputTokens }),
      ...options?.settings,
    },
  };
}

async function buildMessages({ turn, options, agent, services }: Run): Promise<ModelMessage[]> {
  const maxChars = agent.limits?.maxContextChars ?? limits.contextChars;
  const begun: ModelMessage[] = [...(options?.history ?? [])];
  const inputs: ModelMessage[] = [];
  for (const input of turn.inputs) {
    inputs.push(...(await inputMessages(services, turn, input, options)));
  }
  for (const step of turn.steps) inputs.push(stepMessage(step));
  const needed = sum(begun) + sum(inputs);
  const mostNeeded = agent.limits?.maxContextChars ?? limits.turnChars;
  if (needed > mostNeeded) {
    throw new HoldfastError(
      "context_too_large",
      `The turn's own messages hold ${needed} characters; the agent's limit is ${mostNeeded}.`,
    );
  }
  const stored = await storedMessages(services, turn, maxChars - needed);
  // What a caller gives as history comes before the conversation.
  return begun.concat(stored, inputs);
}

/** The newest messages that fit, from a person's message on. */
async function storedMessages(
  services: TurnServices,
  { history, historyChars, historyBlobs }: TurnContext,
  maxChars: number,
): Promise<readonly ModelMessage[]> {
  // A stored message has what a model message has, so only long texts and long histories need work.
  if (historyBlobs === 0 && historyChars <= maxChars && history[0]?.role === "user") {
    return history as readonly ModelMessage[];
  }
  let from = history.length;
  for (let left = maxChars; from > 0; from -= 1) {
    const message = history[from - 1];
    const chars = message?.blob ? await blobChars(services, message.blob) : message?.text.length;
    left -= chars ?? 0;
    if (left < 0) break;
  }
  // A context never begins with a tool result or an answer whose question is cut off.
  while (from < history.length && history[from]?.role !== "user") from += 1;
  return Promise.all(history.slice(from).map((message) => storedMessage(services, message)));
}

function sum(messages: readonly ModelMessage[]): number {
  return messages.reduce((chars, { text }) => chars + text.length, 0);
}

async function inputMessages(
  services: TurnServices,
  turn: TurnContext,
  { content }: InboundMessage,
  options: TurnOptions | undefined,
): Promise<ModelMessage[]> {
  switch (content.type) {
    case "text":
      return [{ role: "user", text: content.text }];
    case "blob":
      return [{ role: "user", text: await blobText(services, content.blob) }];
    case "tool-results":
      return content.results.map(({ toolCallId, text }) => ({
        role: "tool",
        toolCallId,
        toolName: calledName(turn, options, toolCallId),
        text,
      }));
    case "notice":
    case "delivery":
      return [];
  }
}

/** The name of the tool that an earlier answer called with this id. */
export function calledName(
  turn: Pick<TurnContext, "history">,
  options: TurnOptions | undefined,
  callId: string,
): string {
  for (const message of [...turn.history, ...(options?.history ?? [])].toReversed()) {
    const calls = message.role === "assistant" ? message.toolCalls : undefined;
    const call = calls?.find(({ id }) => id === callId);
    if (call) return call.name;
  }
  return "unknown";
}

function stepMessage(step: Step): ModelMessage {
  if (step.kind === "model") {
    return {
      role: "assistant",
      text: step.text,
      ...(step.toolCalls.length > 0 && { toolCalls: step.toolCalls }),
    };
  }
  return {
    role: "tool",
    toolCallId: step.callId,
    toolName: step.name,
    text: step.text,
    ...(step.isError && { isError: true }),
  };
}

async function storedMessage(
  services: TurnServices,
  message: StoredMessage,
): Promise<ModelMessage> {
  if (message.blob === undefined) return message as ModelMessage;
  return { ...message, text: await blobText(services, message.blob) } as ModelMessage;
}

async function blobChars(services: TurnServices, key: string): Promise<number> {
  return (await blobText(services, key)).length;
}

async function blobText(services: TurnServices, key: string): Promise<string> {
  const bytes = await services.blobs.get(key);
  if (!bytes) throw new HoldfastError("data_corrupt", `Blob ${key} is missing.`);
  return new TextDecoder().decode(bytes);
}
