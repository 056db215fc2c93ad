import {
  type Channels,
  type DeliveryFailure,
  HoldfastError,
  limits,
  toHoldfastError,
} from "@holdfast/core";
import { z } from "zod";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { shown } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { pageOfPlaces } from "../paging.ts";
import {
  accountCheck,
  accountState,
  agentParams,
  failedDelivery,
  organizationParams,
  pageOf,
  pageQuery,
  paired,
  pairingBody,
  pairingList,
  pairingParams,
} from "../schemas.ts";
import { rangeOf, requireOrganization } from "./organizations.ts";

interface Named {
  readonly org: string;
  readonly name: string;
}

const common = [...errorSets.guarded, "invalid_request", "organization_not_found"] as const;
const config = { access: "organization" } as const;

/** How channel accounts are, who may write to them, and what could not be delivered. */
export function accountRoutes(app: FastifyInstance, context: RouteContext): void {
  const { channels } = context;
  if (!channels) return;
  stateRoutes(app, context, channels);
  pairingRoutes(app, context, channels);
  app.get("/api/v1/orgs/:org/failed-deliveries", {
    config,
    schema: {
      operationId: "listFailedDeliveries",
      summary: "Messages that did not arrive, or of which nobody knows whether they did",
      params: organizationParams,
      querystring: pageQuery,
      response: {
        200: pageOf(failedDelivery),
        ...errorResponses([...common, "engine_unavailable"]),
      },
    },
    handler: async (request) => {
      const { org } = request.params as Named;
      requireOrganization(context, org);
      return pageOfPlaces(await channels.failures.list(org), placeOf, rangeOf(request));
    },
  });
}

/** The oldest come first; one that is dealt with may leave while somebody pages. */
function placeOf({ at, id }: DeliveryFailure): string {
  return `${new Date(at).toISOString()}.${id}`;
}

function stateRoutes(app: FastifyInstance, context: RouteContext, channels: Channels): void {
  const path = "/api/v1/orgs/:org/accounts/:name";
  const response = (schema: z.ZodType) => ({
    200: schema,
    ...errorResponses([...common, "account_not_found"]),
  });
  const openedOf = (request: FastifyRequest) => {
    const { org, name } = request.params as Named;
    requireOrganization(context, org);
    const opened = channels.registry.get(org, name);
    if (opened) return opened;
    throw new HoldfastError("account_not_found", `No account ${shown(name)} is found.`);
  };
  const stateOf = async (request: FastifyRequest) => {
    const { org, name } = request.params as Named;
    const { channel } = openedOf(request);
    const { capabilities } = channel;
    try {
      return { ...(await channels.owners.state(`${org}/${name}`)), capabilities };
    } catch (thrown) {
      const { code, message } = toHoldfastError(thrown);
      if (code !== "not_ready") throw thrown;
      return { status: "unowned", detail: message, capabilities };
    }
  };

  app.get(`${path}/state`, {
    config,
    schema: {
      operationId: "getAccountState",
      params: agentParams,
      response: response(accountState),
    },
    handler: (request) => stateOf(request),
  });

  app.post(`${path}/check`, {
    config,
    schema: {
      operationId: "checkAccount",
      summary: "Asks the platform whether the account's credentials work",
      params: agentParams,
      response: response(accountCheck),
    },
    handler: async (request) => {
      const { org, name } = request.params as Named;
      const { use } = openedOf(request);
      const timeout = AbortSignal.timeout(limits.accountCheckTimeoutMs);
      const { isAuthorized, ...check } = await use.check(timeout);
      if (isAuthorized ?? check.ok) channels.owners.look(`${org}/${name}`);
      return { ...check, state: await stateOf(request) };
    },
  });
}

function pairingRoutes(app: FastifyInstance, context: RouteContext, channels: Channels): void {
  const { pairing, registry } = channels;
  const path = "/api/v1/orgs/:org/accounts/:name/pairings";
  const errors = [...common, "account_not_found", "engine_unavailable"] as const;
  const requireAccount = (request: FastifyRequest): Named => {
    const { org, name } = request.params as Named;
    requireOrganization(context, org);
    if (!registry.isDeclared(org, name)) {
      throw new HoldfastError("account_not_found", `No account ${shown(name)} is found.`);
    }
    return { org, name };
  };

  app.get(path, {
    config,
    schema: {
      operationId: "listPairings",
      params: agentParams,
      querystring: pageQuery,
      response: { 200: pairingList, ...errorResponses(errors) },
    },
    handler: (request) => {
      const { org, name } = requireAccount(request);
      return pairing.list(org, name, rangeOf(request));
    },
  });

  app.post(path, {
    config,
    schema: {
      operationId: "approvePairing",
      summary: "Lets the person write who got this code",
      params: agentParams,
      body: pairingBody,
      response: {
        200: paired,
        ...errorResponses([...errors, ...errorSets.withBody, "pairing_not_found", "rate_limited"]),
      },
    },
    handler: (request) => {
      const { org, name } = requireAccount(request);
      return pairing.approve(org, name, (request.body as { code: string }).code);
    },
  });

  app.delete(`${path}/:sender`, {
    config,
    schema: {
      operationId: "revokePairing",
      params: pairingParams,
      response: {
        204: z.null().describe("Revoked"),
        ...errorResponses([...errors, "pairing_not_found"]),
      },
    },
    handler: async (request, reply) => {
      const { org, name } = requireAccount(request);
      const { sender } = request.params as { sender: string };
      if (!(await pairing.revoke(org, name, sender))) {
        throw new HoldfastError("pairing_not_found", `${shown(sender)} is not paired.`);
      }
      return reply.code(204).send();
    },
  });
}
