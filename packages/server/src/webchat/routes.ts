import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { HoldfastError } from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { shown } from "../http/access.ts";
import type { RouteContext } from "../http/dependencies.ts";
import { ChatEndpoint } from "./chat-endpoint.ts";
import { demoPage, demoPagePolicy } from "./demo-page.ts";
import { type ChatAccount, chatAccount } from "./web-account.ts";
import { widgetScript } from "./widget-script.ts";

/** The servers of the API emit it for what `isChatUpgrade` is true for, whichever protocol they speak. */
export const chatUpgradeEvent = "chat-upgrade";
const widgetMaxAgeSeconds = 300;

/** The chat on web pages: its widget, a page that shows it, and the WebSocket behind it, on every node. */
export function webchatRoutes(app: FastifyInstance, context: RouteContext): void {
  const { channels } = context;
  if (!channels) return;
  const endpoint = new ChatEndpoint(context, channels);
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    endpoint.upgrade(request, socket, head);
  app.server.on(context.tls ? chatUpgradeEvent : "upgrade", upgrade);
  // Before the server waits for its connections to end.
  app.addHook("preClose", () => endpoint.close());

  const chatOf = (request: FastifyRequest): ChatAccount => {
    const { org, account } = request.params as { org: string; account: string };
    const chat = chatAccount(channels, org, account);
    if (chat) return chat;
    throw new HoldfastError("account_not_found", `No chat ${shown(account)} is found.`);
  };
  const options = { config: { access: "public" }, schema: { hide: true } } as const;

  app.get("/chat/:org/:account/widget.js", options, (request, reply) => {
    chatOf(request);
    const { text, etag } = widgetScript();
    void common(reply)
      .header("cache-control", `public, max-age=${widgetMaxAgeSeconds}`)
      .header("etag", etag)
      .header("access-control-allow-origin", "*")
      .header("cross-origin-resource-policy", "cross-origin");
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    return send(reply, "text/javascript; charset=utf-8", text);
  });

  app.get("/chat/:org/:account", options, (request, reply) => {
    const { account, web } = chatOf(request);
    const page = demoPage(account, web.settings);
    void common(reply)
      .header("cache-control", "no-store")
      .header("content-security-policy", demoPagePolicy(web.settings))
      .header("x-frame-options", "DENY")
      .header("referrer-policy", "no-referrer");
    return send(reply, "text/html; charset=utf-8", page);
  });
}

function common(reply: FastifyReply): FastifyReply {
  return reply.header("x-content-type-options", "nosniff");
}

function send(reply: FastifyReply, type: string, text: string): FastifyReply {
  return reply.type(type).serializer(String).send(text);
}
