import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type FakeAnswer, type FakeRequest, refusal } from "./answers.ts";
import { createMessageRoutes } from "./messages.ts";
import { createBuckets } from "./rate-buckets.ts";
import { createWebhookRoutes } from "./webhooks.ts";
import { channelData, messageContent, type World } from "./world.ts";

const bodyMax = 1024 * 1024;

/** The part of the REST API that a bot for conversations needs. */
export function createRestServer(
  world: World,
  options: { readonly gatewayUrl: () => string; readonly publicKey: string; readonly base: string },
) {
  const buckets = createBuckets();
  const routes = [createMessageRoutes(world), createWebhookRoutes(world)];

  const route = (request: FakeRequest): FakeAnswer => {
    const { method, path } = request;
    const one = (pattern: RegExp) => pattern.exec(`${method} ${path}`)?.[1];
    if (path === "/gateway/bot") {
      const limit = { total: 1_000, remaining: 999, reset_after: 1_000, max_concurrency: 1 };
      const body = { url: options.gatewayUrl(), shards: 1, session_start_limit: limit };
      return { status: 200, body };
    }
    if (path === "/users/@me") {
      return { status: 200, body: { id: world.botId, username: "holdfast-bot", bot: true } };
    }
    if (path === "/applications/@me") {
      const body = {
        id: world.applicationId,
        verify_key: options.publicKey,
        flags: (world.disallowedIntents & messageContent) === 0 ? 1 << 19 : 0,
        interactions_endpoint_url: "https://agents.example.org/discord",
      };
      return { status: 200, body };
    }
    if (one(/^POST \/applications\/(\d+)\/commands$/) !== undefined) {
      world.count("commands");
      return { status: 201, body: { id: world.nextId(), ...request.body } };
    }
    const channel = one(/^GET \/channels\/(\d+)$/);
    if (channel !== undefined) {
      const found = world.channels.get(channel);
      world.count("channelAsked");
      return found === undefined
        ? refusal(404, 10_003, "Unknown Channel")
        : { status: 200, body: channelData(world, found) };
    }
    const member = one(/^GET \/guilds\/\d+\/members\/(\d+)$/);
    if (member !== undefined) return { status: 200, body: { nick: null, roles: [roleOf(world)] } };
    for (const more of routes) {
      const answer = more(request);
      if (answer !== undefined) return answer;
    }
    world.violate(`no such endpoint: ${method} ${path}`);
    return { status: 404, body: { message: "404: Not Found", code: 0 } };
  };

  /** The rates of the account and of the route; undefined when the request may pass. */
  const limit = (
    request: FakeRequest,
  ): { answer?: FakeAnswer; headers: Record<string, string> } => {
    const { speed } = world;
    const total = buckets("global", { limit: 50, windowMs: 1_000 / speed });
    if (!total.isAllowed) {
      world.violate("the rate of the account was exceeded");
      return { answer: tooMany(total.resetAfterMs, true), headers: {} };
    }
    const channel = /^\/channels\/(\d+)\/messages$/.exec(request.path)?.[1];
    if (request.method !== "POST" || channel === undefined) return { headers: {} };
    const bucket = { limit: 5, windowMs: 5_000 / speed };
    const taken = buckets(channel, bucket);
    const headers = {
      "x-ratelimit-limit": String(bucket.limit),
      "x-ratelimit-remaining": String(taken.remaining),
      "x-ratelimit-reset-after": (taken.resetAfterMs / 1_000).toFixed(3),
      "x-ratelimit-bucket": "messages",
    };
    if (taken.isAllowed) return { headers };
    world.violate("the rate of a channel was exceeded");
    return { answer: tooMany(taken.resetAfterMs, false), headers };
  };

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const url = new URL(incoming.url ?? "/", "http://localhost");
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > bodyMax) return void outgoing.destroy();
    }
    if (!url.pathname.startsWith(options.base)) return send(outgoing, { status: 404 });
    const path = url.pathname.slice(options.base.length);
    const isAllowed = incoming.headers.authorization === `Bot ${world.token}` && !world.isRevoked;
    if (!isAllowed) {
      return send(outgoing, { status: 401, body: { message: "401: Unauthorized", code: 0 } });
    }
    if (!(incoming.headers["user-agent"] ?? "").startsWith("DiscordBot (")) {
      world.violate("the User-Agent is not as Discord demands it");
    }
    if (world.strikes("tooMany"))
      return send(outgoing, tooMany(50 + world.random.next() * 100, false));
    if (world.strikes("serverError")) {
      return send(outgoing, {
        status: 500,
        body: { message: "500: Internal Server Error", code: 0 },
      });
    }
    const method = incoming.method ?? "GET";
    const body = parse(Buffer.concat(chunks).toString("utf8"));
    if (body === undefined) {
      return send(outgoing, refusal(400, 50_109, "The request body contains invalid JSON."));
    }
    const request: FakeRequest = { method, path, query: url.searchParams, body };
    const limited = limit(request);
    const result = limited.answer ?? route(request);
    if (world.strikes("lostAnswer")) {
      await pause(50 / world.speed);
      return void outgoing.destroy();
    }
    const headers = { ...limited.headers, ...result.headers };
    await send(outgoing, { ...result, headers }, world.strikes("slow") ? 1_000 / world.speed : 0);
  };
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  };
}

function tooMany(afterMs: number, isGlobal: boolean): FakeAnswer {
  const seconds = Math.max(0.001, afterMs / 1_000);
  return {
    status: 429,
    headers: {
      "retry-after": String(Math.ceil(seconds)),
      "x-ratelimit-scope": isGlobal ? "global" : "user",
      ...(isGlobal ? { "x-ratelimit-global": "true" } : {}),
    },
    body: {
      message: "You are being rate limited.",
      retry_after: Number(seconds.toFixed(3)),
      global: isGlobal,
    },
  };
}

async function send(outgoing: ServerResponse, answer: FakeAnswer, slowMs = 0): Promise<void> {
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  outgoing.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  if (slowMs === 0) return void outgoing.end(text);
  const pieces = 4;
  for (let at = 0; at < pieces; at += 1) {
    const from = Math.floor((text.length * at) / pieces);
    outgoing.write(text.slice(from, Math.floor((text.length * (at + 1)) / pieces)) || " ");
    await pause(slowMs / pieces);
  }
  outgoing.end();
}

function parse(text: string): Record<string, unknown> | undefined {
  if (text === "") return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The one role that every member has. */
export function roleOf(world: World): string {
  return String(BigInt(world.guildId) + 1n);
}
