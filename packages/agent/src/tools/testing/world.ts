import {
  type Agent,
  type AgentRef,
  agentKey,
  type Clock,
  type Conversations,
  type NewMessage,
  type ResourceStore,
  type ToolCallContext,
  type ToolSpec,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import type { Environment } from "../../secrets.ts";
import { createTools, type RunningTools } from "../create-tools.ts";
import { memoryBucket } from "../memory-tools.ts";

export interface World {
  readonly tools: RunningTools;
  /** Every line of the log as JSON. */
  readonly logged: string[];
  /** What agents sent to others, oldest first. */
  readonly asked: NewMessage[];
  declare(name: string, tools: readonly ToolSpec[] | undefined, organization?: string): void;
  call(
    tool: string,
    args: unknown,
    changes?: Partial<ToolCallContext>,
  ): ReturnType<RunningTools["call"]>;
  context(changes?: Partial<ToolCallContext>): ToolCallContext;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly env?: Environment;
  readonly ask?: Conversations["ask"];
  /** Of the tools; the engine keeps real time. */
  readonly clock?: Clock;
}

/** Tools over a real memory engine; the agent `acme/main` has what is declared for it. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const engine = createMemoryEngine(createMemoryStore(), { clock: systemClock });
  await engine.provision({ logs: [], buckets: [memoryBucket] });
  const agents = new Map<string, Agent>();
  const logged: string[] = [];
  const asked: NewMessage[] = [];
  const log = (fields: object, message: string) => {
    logged.push(JSON.stringify({ ...fields, message }));
  };
  const tools = createTools({
    resources: resourcesOf(agents),
    keyValue: engine.keyValue,
    conversations: () => conversationsOf(asked, options.ask),
    clock: options.clock ?? systemClock,
    env: { PATH: process.env.PATH, HOME: "/nowhere", LANG: "C.UTF-8", ...options.env },
    log: { info: log, warn: log },
  });
  const context = (changes: Partial<ToolCallContext> = {}): ToolCallContext => ({
    ...({ organization: "acme", agent: "main", conversation: "c1" } as unknown as ToolCallContext),
    depth: 0,
    idempotencyKey: "turn-1:1",
    signal: new AbortController().signal,
    ...changes,
  });
  return {
    tools,
    logged,
    asked,
    context,
    declare(name, specs, organization = "acme") {
      const agent = { kind: "Agent", organization, name, model: "demo/rules" } as const;
      agents.set(`${organization}/${name}`, specs ? { ...agent, tools: [...specs] } : agent);
    },
    call: (name, args, changes) => {
      const text = typeof args === "string" ? args : JSON.stringify(args);
      return tools.call({ id: "call-1", name, arguments: text }, context(changes));
    },
    async close() {
      await tools.close();
      await engine.close();
    },
  };
}

function resourcesOf(agents: ReadonlyMap<string, Agent>): ResourceStore {
  const unused = () => Promise.reject(new Error("not part of these tests"));
  return {
    organization: () => undefined,
    provider: () => undefined,
    account: () => undefined,
    identityLink: () => undefined,
    onChange: () => () => {},
    agent: (ref: AgentRef) => agents.get(agentKey(ref)),
    list: (_, organization, range) => ({
      items: [...agents.values()]
        .filter((agent) => agent.organization === organization)
        .slice(0, range.limit),
    }),
    apply: unused,
    delete: unused,
  };
}

function conversationsOf(asked: NewMessage[], ask: Conversations["ask"] | undefined) {
  return {
    ask(message: NewMessage, signal: AbortSignal) {
      asked.push(message);
      if (ask === undefined) throw new Error("nobody to ask");
      return ask(message, signal);
    },
  } as Conversations;
}

const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};
