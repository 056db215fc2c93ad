import {
  type Account,
  type Channels,
  HoldfastError,
  type InboundEvent,
  limits,
  toHoldfastError,
  type WebhookRequest,
} from "@holdfast/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { shown } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";

interface Params {
  readonly org: string;
  readonly account: string;
  readonly "*"?: string;
}

/**
 * Where platforms send what happened: any node takes it. The account's channel verifies the raw body; what
 * came is durable before the platform gets its answer.
 */
export function webhookRoutes(app: FastifyInstance, { channels }: RouteContext): void {
  if (!channels) return;
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
      parsed(null, body);
    });
    const takerOf = (request: FastifyRequest) => {
      const { org, account: name } = request.params as Params;
      const opened = channels.registry.get(org, name);
      if (opened?.use.webhook) {
        return { account: opened.account, webhook: opened.use.webhook.bind(opened.use) };
      }
      throw new HoldfastError("account_not_found", `No account ${shown(name)} takes this.`);
    };
    // Before the body: nobody shall send millions of bytes to an address that is none.
    scope.addHook("onRequest", (request, _reply, next) => {
      try {
        takerOf(request);
        next();
      } catch (thrown) {
        next(thrown as Error);
      }
    });
    for (const url of ["/channels/:org/:account", "/channels/:org/:account/*"]) {
      scope.route({
        method: ["GET", "POST"],
        url,
        config: { access: "public" },
        schema: { hide: true },
        bodyLimit: limits.webhookBodyBytes,
        handler: async (request, reply) => {
          const { webhook, account } = takerOf(request);
          const answer = await webhook(webhookRequest(request));
          if (answer.events.length > 0) await accept(channels, account, answer.events);
          return reply
            .code(answer.status)
            .headers(answer.headers ?? {})
            .send(answer.body ?? "");
        },
      });
    }
    done();
  });
}

/** Platforms repeat what is answered with 503; of 429 some think that the webhook is broken. */
async function accept(
  { ingress }: Channels,
  account: Account,
  events: readonly InboundEvent[],
): Promise<void> {
  try {
    await ingress.accept(account, events);
  } catch (thrown) {
    const error = toHoldfastError(thrown);
    if (error.status !== 429) throw error;
    throw new HoldfastError("node_busy", error.message, { cause: error, retryAfterMs: 1_000 });
  }
}

function webhookRequest(request: FastifyRequest): WebhookRequest {
  const { "*": rest } = request.params as Params;
  const query = request.url.indexOf("?");
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    method: request.method,
    path: rest === undefined ? "" : `/${rest}`,
    query: new URLSearchParams(query < 0 ? "" : request.url.slice(query + 1)),
    headers,
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
  };
}
