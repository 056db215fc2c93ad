import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { RouteContext } from "../dependencies.ts";
import { apiErrorBody } from "../error-bodies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { readiness } from "../schemas.ts";
import { HoldfastError } from "@holdfast/core";

/** How the node is: for supervisors, load balancers and Prometheus. */
export function nodeRoutes(app: FastifyInstance, { health, metrics }: RouteContext): void {
  app.get("/healthz", {
    config: { access: "public" },
    exposeHeadRoute: true,
    schema: {
      operationId: "getHealth",
      summary: "Whether the process lives",
      response: { 200: z.object({ live: z.literal(true) }), 503: z.object({ live: z.boolean() }) },
    },
    handler: (_request, reply) => {
      const live = health.live();
      return reply.code(live ? 200 : 503).send({ live });
    },
  });

  app.get("/readyz", {
    config: { access: "public" },
    exposeHeadRoute: true,
    schema: {
      operationId: "getReadiness",
      summary: "Whether messages are really processed, check by check",
      response: { 200: readiness, 503: readiness.extend({ error: z.looseObject({}) }) },
    },
    handler: async (request, reply) => {
      const state = await health.ready();
      if (state.ready) return reply.send(state);
      const details = state.checks
        .filter(({ ok }) => !ok)
        .map(({ name, detail }) => ({ path: name, message: detail }));
      const error = new HoldfastError("not_ready", "The node is not ready.", { details });
      void reply.code(503).header("retry-after", "1");
      return reply.send({ ...state, ...apiErrorBody(error, request.id) });
    },
  });

  app.get("/metrics", {
    config: { access: "any" },
    schema: {
      operationId: "getMetrics",
      summary: "Figures in Prometheus' text format",
      response: {
        200: { description: "Figures", content: { "text/plain": { schema: z.string() } } },
        ...errorResponses(errorSets.guarded),
      },
    },
    handler: async (_request, reply) => {
      const text = await metrics.render();
      return reply.type("text/plain; version=0.0.4; charset=utf-8").serializer(String).send(text);
    },
  });

  let document: string | undefined;
  app.get("/openapi.json", {
    config: { access: "public" },
    schema: {
      operationId: "getOpenApi",
      summary: "This document",
      response: { 200: z.looseObject({}) },
    },
    handler: (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.type("application/json; charset=utf-8").serializer(String).send(document);
    },
  });
}
