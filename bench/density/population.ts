import { type ApiClient, conversationPath } from "../lib/api-client.ts";
import { eachOf } from "../lib/pool.ts";
import type { DensitySettings } from "./settings.ts";

export const organization = "density";
const batch = 1_000;

/** All agents in one organization, the harder case for listing, declared as a user would. */
export async function registerAgents(api: ApiClient, agents: number): Promise<void> {
  await api.apply([{ kind: "Organization", name: organization }]);
  await eachOf(Math.ceil(agents / batch), 4, async (number) => {
    const size = Math.min(batch, agents - number * batch);
    await api.apply(
      Array.from({ length: size }, (_, index) => ({
        kind: "Agent",
        organization,
        name: agentName(number * batch + index),
        description: "One of many agents of a density measurement.",
        instructions: "Answer in a few words and repeat what you were told.",
        model: "demo/echo",
      })),
    );
  });
}

export function agentName(number: number): string {
  return `agent-${String(number).padStart(6, "0")}`;
}

/** Each conversation has an agent of its own as long as there are enough. */
export function pathOf(settings: DensitySettings, number: number): string {
  const step = Math.max(1, Math.floor(settings.agents / settings.conversations));
  return conversationPath(organization, agentName((number * step) % settings.agents), `c${number}`);
}

export interface Filled {
  /** Bytes of all texts, in and out. */
  readonly textBytes: number;
  readonly seconds: number;
}

/** Round by round over all conversations, so that none is idle for long. Errors: a wrong answer. */
export async function fillConversations(
  api: ApiClient,
  settings: DensitySettings,
): Promise<Filled> {
  const { conversations, messages, width } = settings;
  const startedAt = performance.now();
  let textBytes = 0;
  await eachOf(conversations * messages, width, async (position) => {
    const number = position % conversations;
    const text = messageText(number, Math.floor(position / conversations), settings.messageBytes);
    const answerBytes = await ask(api, pathOf(settings, number), text);
    textBytes += text.length + answerBytes;
  });
  return { textBytes, seconds: (performance.now() - startedAt) / 1_000 };
}

/** Sends a message and waits for its echo; gives the answer's length. */
export async function ask(api: ApiClient, path: string, text: string): Promise<number> {
  const { text: body } = await api.must("POST", `${path}/messages`, {
    body: { text },
    headers: { prefer: "wait=60" },
  });
  const { reply } = JSON.parse(body) as { reply: string };
  if (reply !== `echo: ${text}`) throw new Error(`${path} answered something else: ${reply}`);
  return reply.length;
}

export function messageText(conversation: number, round: number, bytes: number): string {
  return `conversation ${conversation} message ${round} `.padEnd(bytes, "lorem ipsum dolor ");
}
