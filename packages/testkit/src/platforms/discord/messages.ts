import { type FakeAnswer, type FakeRequest, refusal } from "./answers.ts";
import type { FakeChannel, FakeMessage, World } from "./world.ts";

const contentMax = 2_000;
const nonceMax = 25;
/** "A few minutes" in Discord's words; no rate, so that `speed` leaves it as it is. */
const nonceMs = 180_000;

/** Reading and sending the messages of a channel. */
export function createMessageRoutes(world: World) {
  const nonces = new Map<string, { message: FakeMessage; at: number }>();

  const list = (channel: FakeChannel, query: URLSearchParams): FakeAnswer => {
    const after = BigInt(query.get("after") ?? "0");
    const limit = Number(query.get("limit") ?? "50");
    if (!(limit >= 1 && limit <= 100)) return formError("limit");
    const readable = channel.isHistoryHidden ? [] : channel.messages;
    const page = readable.filter(({ id }) => BigInt(id) > after).slice(0, limit);
    world.onFetched(page);
    world.count("history");
    return { status: 200, body: page.map(({ data }) => data).reverse() };
  };

  const create = (channel: FakeChannel, body: Record<string, unknown>): FakeAnswer => {
    const told = world.refusals.shift();
    if (told !== undefined) return told;
    if (channel.blocked) {
      return channel.type === 1
        ? refusal(403, 50_007, "Cannot send messages to this user")
        : refusal(403, 50_001, "Missing Access");
    }
    const fault = contentFault(world, body);
    if (fault !== undefined) return fault;
    const nonce = body["nonce"];
    if (typeof nonce === "string" && nonce.length > nonceMax) return formError("nonce");
    if (typeof nonce === "string" && body["enforce_nonce"] === true) {
      const before = nonces.get(nonce);
      if (before !== undefined && performance.now() - before.at < nonceMs) {
        world.count("nonceRepeated");
        return { status: 200, body: before.message.data };
      }
    }
    const reference = body["message_reference"] as Record<string, unknown> | undefined;
    if (reference !== undefined && channel.isHistoryHidden) {
      return refusal(403, 160_002, "Cannot reply without permission to read message history");
    }
    if (
      reference !== undefined &&
      reference["fail_if_not_exists"] !== false &&
      !channel.messages.some(({ id }) => id === reference["message_id"])
    ) {
      return formError("message_reference");
    }
    const message = ownMessage(world, channel, String(body["content"]), body);
    if (typeof nonce === "string") nonces.set(nonce, { message, at: performance.now() });
    channel.messages.push(message);
    world.show(message);
    world.onOwnMessage(message);
    return { status: 200, body: message.data };
  };

  return ({ method, path, query, body }: FakeRequest): FakeAnswer | undefined => {
    const match = /^\/channels\/(\d+)\/(messages|typing)$/.exec(path);
    if (match === null) return undefined;
    const channel = world.channels.get(match[1] ?? "");
    if (channel === undefined) return refusal(404, 10_003, "Unknown Channel");
    if (match[2] === "typing") {
      world.count("typing");
      return { status: 204 };
    }
    if (method === "GET") return list(channel, query);
    if (method === "POST") return create(channel, body);
    return undefined;
  };
}

export function ownMessage(
  world: World,
  channel: FakeChannel,
  content: string,
  raw: object,
): FakeMessage {
  const id = world.nextId();
  return {
    id,
    channel,
    isAcknowledged: true,
    data: {
      id,
      channel_id: channel.id,
      type: 0,
      content,
      author: { id: world.botId, username: "holdfast-bot", bot: true },
      timestamp: new Date().toISOString(),
      mentions: [],
      attachments: [],
      flags: 0,
      raw,
    },
  };
}

/** What Discord refuses about a text, and what would call people who were not meant. */
export function contentFault(world: World, body: Record<string, unknown>): FakeAnswer | undefined {
  const content = body["content"];
  if (typeof content !== "string" || content.trim() === "") {
    world.violate("an empty message was sent");
    return refusal(400, 50_006, "Cannot send an empty message");
  }
  if ([...content].length > contentMax) {
    world.violate("a message was too long");
    return formError("content");
  }
  const allowed = body["allowed_mentions"] as { parse?: unknown[] } | undefined;
  const isSafe = Array.isArray(allowed?.parse) && allowed.parse.length === 0;
  if (!isSafe && /@everyone|@here|<@[!&]?\d+>/.test(content)) {
    world.violate("a message called people without meaning to");
  }
  return undefined;
}

function formError(field: string): FakeAnswer {
  const errors = { [field]: { _errors: [{ code: "INVALID", message: "Not as documented." }] } };
  return { status: 400, body: { message: "Invalid Form Body", code: 50_035, errors } };
}
