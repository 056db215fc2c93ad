import { HoldfastError, limits } from "@holdfast/core";
import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import {
  type JoinRequest,
  joinAnswerSchema,
  joinPath,
  joinRequestSchema,
  renewPath,
} from "../../cluster/join-protocol.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { idParams } from "../schemas.ts";
import { storePart } from "../store-nodes.ts";
import { AddressBuckets } from "../token-bucket.ts";

const joinErrors = [
  "join_token_invalid",
  "join_token_expired",
  "join_token_used",
  "join_token_role",
  "cluster_mismatch",
  "version_mismatch",
  "clock_skew",
  "node_name_taken",
  "certificate_invalid",
] as const;

/** How nodes come in: the join itself, whose token is its credential, and the tokens for it. */
export function joinRoutes(app: FastifyInstance, context: RouteContext): void {
  joinRoute(app, context);
  joinTokenRoutes(app, context);
}

function joinRoute(app: FastifyInstance, context: RouteContext): void {
  certifyRoute(app, context, joinPath, {
    operationId: "joinCluster",
    summary: "Lets a node in that has a join token, and gives it certificates",
    body: joinRequestSchema.required({ proof: true }),
  });
  // Of its own, so that strangers who ask to join do not hold up members.
  certifyRoute(app, context, renewPath, {
    operationId: "renewCertificates",
    summary: "Gives a member new certificates for the keys that it joined with",
    body: joinRequestSchema.omit({ proof: true }),
  });
}

function certifyRoute(
  app: FastifyInstance,
  { cluster, clock }: RouteContext,
  path: string,
  schema: { readonly operationId: string; readonly summary: string; readonly body: z.ZodType },
): void {
  const rate = { perSecond: limits.joinsPerSecond, burst: limits.joinBurst };
  const buckets = new AddressBuckets(clock, rate, limits.joinAddresses);
  app.post(path, {
    config: { access: "public" },
    bodyLimit: limits.joinBodyBytes,
    // Before the body is read: guesses at tokens cost next to nothing.
    onRequest: ({ ip }, _reply, done) => done(tooMany(buckets.take(ip))),
    schema: {
      ...schema,
      response: {
        200: joinAnswerSchema,
        307: z.null().describe("A store node lets nodes in: ask there"),
        ...errorResponses([
          "rate_limited",
          "not_ready",
          "internal",
          ...errorSets.withBody,
          ...errorSets.engine,
          ...joinErrors,
        ]),
      },
    },
    handler: async (request, reply) => {
      if (!cluster?.store) return showTheWay(cluster?.storeUrl(), path, reply);
      void reply.header("cache-control", "no-store");
      return reply.send(await cluster.store.join(request.body as JoinRequest));
    },
  });
}

function tooMany(retryAfterMs: number): HoldfastError | undefined {
  if (retryAfterMs === 0) return undefined;
  const problem = `This node takes ${limits.joinsPerSecond} requests to join per second of one address.`;
  return new HoldfastError("rate_limited", problem, { retryAfterMs });
}

function showTheWay(url: string | undefined, path: string, reply: FastifyReply): FastifyReply {
  if (url !== undefined)
    return reply
      .code(307)
      .header("location", url + path)
      .send();
  throw new HoldfastError("not_ready", "This node knows no store node yet.", {
    retryAfterMs: 1_000,
  });
}

const role = z.enum(["store", "compute"]);
const joinTokenInfo = z.object({
  id: z.string(),
  role: role.optional().describe("Absent when it lets in nodes of any role."),
  createdAt: z.number(),
  expiresAt: z.number(),
  state: z.enum(["open", "used", "expired"]),
});
const createdJoinToken = z.object({
  id: z.string(),
  expiresAt: z.number(),
  role: role.optional(),
  token: z.string().describe("Shown this once."),
});

function joinTokenRoutes(app: FastifyInstance, context: RouteContext): void {
  const path = "/api/v1/join-tokens";
  const config = { access: "admin" } as const;
  const common = [
    ...errorSets.guarded,
    ...errorSets.engine,
    "forbidden",
    "store_node_required",
    "invalid_request",
  ] as const;

  app.get(path, {
    config,
    schema: {
      operationId: "listJoinTokens",
      response: { 200: z.object({ items: z.array(joinTokenInfo) }), ...errorResponses(common) },
    },
    handler: async () => ({ items: await storePart(context, context.cluster?.store).tokens() }),
  });

  app.post(path, {
    config,
    schema: {
      operationId: "createJoinToken",
      summary: "Creates a token that lets one node in; its text is shown this once",
      body: z.strictObject({ role: role.optional() }).nullish(),
      response: {
        201: createdJoinToken,
        ...errorResponses([...common, ...errorSets.withBody, "node_busy", "invalid_configuration"]),
      },
    },
    handler: async (request, reply) => {
      const wanted = (request.body as { role?: z.infer<typeof role> } | undefined)?.role;
      const created = await storePart(context, context.cluster?.store).createToken(wanted);
      void reply.code(201).header("cache-control", "no-store");
      return reply.send({ ...created, ...(wanted && { role: wanted }) });
    },
  });

  app.delete(`${path}/:id`, {
    config,
    schema: {
      operationId: "revokeJoinToken",
      params: idParams,
      response: {
        204: z.null().describe("Revoked"),
        ...errorResponses([...common, "token_not_found"]),
      },
    },
    handler: async (request, reply) => {
      await storePart(context, context.cluster?.store).revokeToken(
        (request.params as { id: string }).id,
      );
      return reply.code(204).send();
    },
  });
}
