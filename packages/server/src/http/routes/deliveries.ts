import { agentName, type ConversationRef, conversationId, organizationName } from "@holdfast/core";
import { z } from "zod";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { conversationParams, delivery, deliveryBody, deliveryParams } from "../schemas.ts";

const path = "/api/v1/orgs/:org/agents/:agent/conversations/:id/deliveries";
const config = { access: "organization" } as const;

/** What became of the messages that a conversation sent to its chats. */
export function deliveryRoutes(
  app: FastifyInstance,
  { conversations, channels }: RouteContext,
): void {
  app.get(path, {
    config,
    schema: {
      operationId: "listDeliveries",
      params: conversationParams,
      response: {
        200: z.object({ items: z.array(delivery) }),
        ...errorResponses([...errorSets.guarded, ...errorSets.submit]),
      },
    },
    handler: async (request) => ({ items: await conversations.deliveries(refOf(request)) }),
  });

  app.post(`${path}/:delivery`, {
    config,
    schema: {
      operationId: "changeDelivery",
      summary: "Sends a failed message once more, or gives it up",
      params: deliveryParams,
      body: deliveryBody,
      response: {
        202: z.object({}),
        ...errorResponses([
          ...errorSets.guarded,
          ...errorSets.withBody,
          ...errorSets.submit,
          "delivery_not_found",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { delivery: id } = request.params as { delivery: string };
      const { action } = request.body as z.infer<typeof deliveryBody>;
      const ref = refOf(request);
      await conversations.changeDelivery(ref, id, action);
      // Somebody has dealt with it; another failure is told anew.
      await channels?.failures.remove({ ...ref, id });
      return reply.code(202).send({});
    },
  });
}

function refOf(request: FastifyRequest): ConversationRef {
  const { org, agent, id } = request.params as { org: string; agent: string; id: string };
  return {
    organization: organizationName(org),
    agent: agentName(agent),
    conversation: conversationId(id),
  };
}
