import { contentFault, ownMessage } from "./messages.ts";
import { type FakeAnswer, type FakeRequest, refusal } from "./answers.ts";
import type { FakeChannel, FakeMessage, World } from "./world.ts";

const loading = 1 << 7;
const originals = new WeakMap<World, Map<string, FakeMessage>>();

/** A slash command was answered with "thinking": its token opens the waiting answer. */
export function openOriginal(world: World, token: string, channel: FakeChannel): void {
  const known = originals.get(world) ?? new Map<string, FakeMessage>();
  originals.set(world, known);
  if (known.has(token)) return;
  const message = ownMessage(world, channel, "", {});
  message.data["flags"] = loading;
  known.set(token, message);
}

/** Interaction tokens work for 15 minutes; here they end when a test says so. */
export function expireOriginals(world: World): void {
  originals.delete(world);
}

/** The waiting answers of slash commands. */
export function createWebhookRoutes(world: World) {
  return ({ method, path, body }: FakeRequest): FakeAnswer | undefined => {
    const match = /^\/webhooks\/(\d+)\/([^/]+)\/messages\/@original$/.exec(path);
    if (match === null) return undefined;
    const message = originals.get(world)?.get(match[2] ?? "");
    if (match[1] !== world.applicationId || message === undefined) {
      return refusal(404, 10_015, "Unknown Webhook");
    }
    if (method === "GET") return { status: 200, body: message.data };
    const fault = contentFault(world, body);
    if (fault !== undefined) return fault;
    message.data.content = String(body["content"]);
    message.data["flags"] = 0;
    message.data["raw"] = body;
    if (!message.channel.messages.includes(message)) message.channel.messages.push(message);
    world.show(message);
    return { status: 200, body: message.data };
  };
}
