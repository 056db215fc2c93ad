import type {
  Agent,
  AgentName,
  ConversationEvent,
  ConversationId,
  Model,
  ModelRequest,
  NewMessage,
  OrganizationName,
  StoredMessage,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import {
  createSeededRandom,
  createVirtualClock,
  type PathNode,
  type PathNodeOptions,
  startPathNode,
} from "@holdfast/testkit";

export const echoAgent: Agent = {
  kind: "Agent",
  organization: "acme",
  name: "echo",
  model: "demo/echo",
};

/** A model that answers `echo: <the last text>`; what it was asked is kept. */
export function echoModel(): Model & { readonly requests: ModelRequest[] } {
  const requests: ModelRequest[] = [];
  return {
    requests,
    async *stream(request) {
      requests.push(request);
      const last = request.messages.at(-1);
      yield { type: "text", text: `echo: ${last?.text ?? ""}` };
      yield {
        type: "finish",
        reason: "stop",
        usage: { inputTokens: 1, outputTokens: 1 },
        model: "demo/echo",
      };
    },
  };
}

export function message(text: string, more: Partial<NewMessage> = {}): NewMessage {
  return {
    organization: "acme" as OrganizationName,
    agent: "echo" as AgentName,
    conversation: "c1" as ConversationId,
    content: { type: "text", text },
    ...more,
  };
}

/** A store of data on which nodes are started, crashed and started again, in virtual time. */
export function createWorld(seed = 1) {
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const store = createMemoryStore();
  let epoch = 0;
  return {
    clock,
    random,
    store,
    async start(options: Partial<PathNodeOptions> = {}): Promise<PathNode> {
      epoch += 1;
      const engine = createMemoryEngine(store, { clock });
      return clock.runUntil(
        startPathNode({
          engine,
          clock,
          random,
          model: echoModel(),
          agents: [echoAgent],
          epoch,
          ...options,
        }),
      );
    },
    run: <T>(promise: Promise<T>): Promise<T> => clock.runUntil(promise),
  };
}

/** Asks and reads the events to their end. */
export async function answerTo(node: PathNode, asked: NewMessage): Promise<ConversationEvent[]> {
  const { events } = await node.conversations.ask(asked, new AbortController().signal);
  const seen: ConversationEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

export async function historyOf(node: PathNode, asked: NewMessage): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for (;;) {
    const { messages, newest } = await node.conversations.history(asked, {
      after: all.at(-1)?.index ?? -1,
      limit: 50,
    });
    all.push(...messages);
    if (messages.length === 0 || all.at(-1)?.index === newest) return all;
  }
}

export function textsOf(messages: readonly StoredMessage[]): string[] {
  return messages.map(({ role, text }) => `${role}: ${text}`);
}
