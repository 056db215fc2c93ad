import { createHash } from "node:crypto";
import {
  type Agent,
  type AgentName,
  agentName,
  type Clock,
  type ConversationEvent,
  type ConversationId,
  type Conversations,
  conversationId,
  HoldfastError,
  limits,
  type ResourceStore,
  type ToolCallContext,
  type ToolResult,
} from "@holdfast/core";
import { withDeadline } from "./deadline.ts";
import { failed, isNodeError, succeeded, tooLarge } from "./results.ts";
import type { BoundTool, ToolArguments } from "./tool-source.ts";

export interface AgentToolsOptions {
  readonly resources: ResourceStore;
  readonly conversations: () => Conversations;
  readonly clock: Clock;
}

/**
 * `agent_send`: a message to another agent of the same organization and its answer. Repeating the call
 * with the same idempotency key gives the first answer again.
 */
export function createAgentTools(
  agent: Agent,
  allow: readonly string[] | undefined,
  options: AgentToolsOptions,
): readonly BoundTool[] {
  const whom = allow === undefined ? "" : ` You may write to: ${allow.join(", ")}.`;
  return [
    {
      descriptor: {
        name: "agent_send",
        description: `Sends a message to another agent of your organization and waits for its answer.${whom}`,
        parameters,
        idempotent: true,
      },
      onBrokenSchema: "refuse",
      run: (args, context) => send(agent, allow, args, context, options),
    },
  ];
}

const parameters = {
  type: "object",
  properties: {
    agent: { type: "string", minLength: 1, description: "The agent's name." },
    message: { type: "string", minLength: 1, description: "What to say." },
    conversation: {
      type: "string",
      minLength: 1,
      description:
        "Name of the exchange, to keep several subjects apart. Without it, all messages of this conversation to that agent belong together.",
    },
  },
  required: ["agent", "message"],
  additionalProperties: false,
};

async function send(
  agent: Agent,
  allow: readonly string[] | undefined,
  args: ToolArguments,
  context: ToolCallContext,
  options: AgentToolsOptions,
): Promise<ToolResult> {
  const target = String(args.agent);
  const depth = context.depth + 1;
  if (depth > limits.agentDepth) {
    const why = `Agents messaged each other ${limits.agentDepth} times to come here, the most allowed.`;
    return failed("agent_depth_exceeded", `${why} Answer with what you know.`);
  }
  const name = reachable(target, allow, context, options.resources);
  if (name === undefined) {
    const known = candidates(agent, allow, options.resources);
    const list = known.length === 0 ? "There is none you may write to." : known.join(", ");
    return failed("agent_not_found", `No agent ${JSON.stringify(target)} can be reached: ${list}`);
  }
  const asked = {
    organization: context.organization,
    agent: name,
    conversation: exchange(context, args.conversation),
    content: { type: "text", text: String(args.message) },
    key: `agent-send:${digest(context.idempotencyKey)}`,
    depth,
  } as const;
  const deadline = withDeadline(options.clock, limits.toolTimeoutMaxMs, context.signal);
  try {
    const { events } = await options.conversations().ask(asked, deadline.signal);
    return await answer(events, target);
  } catch (error) {
    context.signal.throwIfAborted();
    if (deadline.expired()) return noAnswer(target);
    if (isNodeError(error) || !(error instanceof HoldfastError)) throw error;
    return failed(error.code, `${target} did not get the message: ${error.message}`);
  } finally {
    deadline.end();
  }
}

async function answer(
  events: AsyncIterable<ConversationEvent>,
  target: string,
): Promise<ToolResult> {
  let failure: { code: string; message: string } | undefined;
  for await (const event of events) {
    if (event.type === "failed") failure = event;
    if (event.type !== "committed") continue;
    const said = event.messages.filter((m) => m.role === "assistant" && m.text !== "").at(-1);
    if (said === undefined) return failed("tool_failed", `${target} answered nothing.`);
    return said.blob === undefined ? succeeded(said.text) : tooLarge(said.text);
  }
  if (failure === undefined) return noAnswer(target);
  return failed("tool_failed", `${target} failed (${failure.code}): ${failure.message}`);
}

function noAnswer(target: string): ToolResult {
  const why = `${target} has the message but did not answer in time.`;
  return failed("tool_timeout", `${why} Do not send it again; ask later for the outcome.`);
}

function reachable(
  target: string,
  allow: readonly string[] | undefined,
  context: ToolCallContext,
  resources: ResourceStore,
): AgentName | undefined {
  if (allow !== undefined && !allow.includes(target)) return undefined;
  let name: AgentName;
  try {
    name = agentName(target);
  } catch {
    // The model made up something that cannot be a name: the same answer as for an unknown one.
    return undefined;
  }
  return resources.agent({ organization: context.organization, agent: name }) && name;
}

const candidatesShown = 50;

function candidates(
  agent: Agent,
  allow: readonly string[] | undefined,
  resources: ResourceStore,
): string[] {
  if (allow !== undefined) return allow.slice(0, candidatesShown);
  const page = resources.list("Agent", agent.organization, { limit: candidatesShown });
  const names = page.items.flatMap((item) => (item.kind === "Agent" ? [item.name] : []));
  return names.filter((name) => name !== agent.name);
}

/**
 * The exchange's conversation at the other agent. It always bears the sender's name, so that no agent
 * can speak up in somebody else's conversation and hear what was said there.
 */
function exchange(context: ToolCallContext, given: unknown): ConversationId {
  const about =
    typeof given === "string" ? `${context.conversation}:${given}` : context.conversation;
  const id = `from:${context.agent}:${about}`;
  const fits = id.length <= limits.conversationIdLength && /^[A-Za-z0-9._:@+=|~,-]+$/.test(id);
  return conversationId(fits ? id : `from:${context.agent}:${digest(about)}`);
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 40);
