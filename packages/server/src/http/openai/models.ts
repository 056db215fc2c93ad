import { type Agent, HoldfastError } from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { callerOf } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { pageQuery } from "../schemas.ts";
import { organizationNames, resolveModel } from "./model-names.ts";

const model = z.object({
  id: z.string().describe("organization/agent"),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
});

/** The agents that a token reaches, as OpenAI's models. */
export function modelRoutes(app: FastifyInstance, context: RouteContext): void {
  const config = { access: "any" } as const;

  app.get("/v1/models", {
    config,
    schema: {
      operationId: "listModels",
      querystring: pageQuery.extend({ limit: pageQuery.shape.limit.default(1_000) }),
      response: {
        200: z.object({
          object: z.literal("list"),
          data: z.array(model),
          has_more: z.boolean(),
        }),
        ...errorResponses([...errorSets.guarded, "invalid_request"], "openai"),
      },
    },
    handler: (request) => {
      const { after, limit } = request.query as { after?: string; limit: number };
      const found = agentsOf(context, callerOf(request), after, limit + 1);
      const data = found.slice(0, limit).map(modelView);
      return { object: "list", data, has_more: found.length > limit };
    },
  });

  // The id holds a slash, which clients send escaped or not.
  app.get("/v1/models/*", {
    config,
    schema: {
      operationId: "getModel",
      params: z.strictObject({ "*": z.string().min(1).max(200).describe("organization/agent") }),
      response: {
        200: model,
        ...errorResponses([...errorSets.guarded, "invalid_request", "model_not_found"], "openai"),
      },
    },
    handler: (request) => {
      const name = (request.params as { "*": string })["*"];
      const ref = resolveModel(context.resources, callerOf(request), name, undefined);
      const agent = context.resources.agent(ref);
      if (!agent) throw new HoldfastError("model_not_found", "The agent was just deleted.");
      return modelView(agent);
    },
  });
}

function modelView({ organization, name }: Agent) {
  // Agents have no date of creation; OpenAI's clients want a number.
  return { id: `${organization}/${name}`, object: "model", created: 0, owned_by: organization };
}

/** Up to `count` agents behind the id `after`, in order of organization and name. */
function agentsOf(
  { resources }: RouteContext,
  caller: TokenRecord,
  after: string | undefined,
  count: number,
): Agent[] {
  const [afterOrganization = "", afterAgent = ""] = after?.split("/") ?? [];
  const agents: Agent[] = [];
  for (const organization of organizationNames(resources, caller)) {
    if (organization < afterOrganization) continue;
    const start = organization === afterOrganization ? afterAgent : "";
    const range = { limit: count - agents.length, ...(start === "" ? {} : { after: start }) };
    const page = resources.list("Agent", organization, range);
    agents.push(...page.items.filter((item) => item.kind === "Agent"));
    if (agents.length >= count) break;
  }
  return agents;
}
