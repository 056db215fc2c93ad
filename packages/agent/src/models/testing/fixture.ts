import type { ModelEvent, ModelRequest, Provider, ToolCall } from "@holdfast/core";
import { createModelGateway, type ModelGateway } from "../gateway.ts";
import { ManualClock } from "./manual-clock.ts";

const organization = "acme";

export interface Fixture {
  readonly gateway: ModelGateway;
  readonly clock: ManualClock;
  readonly ask: (request?: Partial<ModelRequest>, signal?: AbortSignal) => Promise<Answer>;
}

export interface Answer {
  readonly text: string;
  readonly chunks: readonly string[];
  readonly calls: readonly ToolCall[];
  readonly finish: Extract<ModelEvent, { type: "finish" }>;
}

/** A gateway with no jitter, on a manual clock, over the given providers. */
export function createFixture(
  providers: readonly Omit<Provider, "kind" | "organization">[],
  env: Record<string, string> = {},
): Fixture {
  const clock = new ManualClock();
  const declared = providers.map(
    (provider): Provider => ({ kind: "Provider", organization, ...provider }),
  );
  const gateway = createModelGateway({
    resources: {
      provider: (org, name) =>
        declared.find((provider) => org === organization && provider.name === name),
    },
    clock,
    random: { next: () => 0, token: () => "token" },
    env,
  });
  return {
    gateway,
    clock,
    ask: (overrides = {}, signal = new AbortController().signal) =>
      collect(gateway.stream(requestOf(overrides), signal)),
  };
}

export function requestOf(overrides: Partial<ModelRequest> = {}): ModelRequest {
  return {
    organization,
    model: "main/model-a",
    fallbacks: [],
    instructions: "Be brief.",
    messages: [{ role: "user", text: "Hi" }],
    tools: [],
    settings: {},
    ...overrides,
  };
}

async function collect(events: AsyncIterable<ModelEvent>): Promise<Answer> {
  const chunks: string[] = [];
  const calls: ToolCall[] = [];
  let finish: Answer["finish"] | undefined;
  for await (const event of events) {
    if (finish) throw new Error("an event came behind finish");
    if (event.type === "text") chunks.push(event.text);
    else if (event.type === "tool-call") calls.push(event.call);
    else finish = event;
  }
  if (!finish) throw new Error("the stream ended without finish");
  return { text: chunks.join(""), chunks, calls, finish };
}
