import swagger from "@fastify/swagger";
import { errorCatalog } from "@holdfast/core";
import type { FastifyInstance } from "fastify";
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from "fastify-type-provider-zod";
import { registry } from "./schemas.ts";

/** Collects the routes that are registered after it into an OpenAPI 3.1 document. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
  const options = {
    schemaRegistry: registry,
    zodToJsonConfig: { unrepresentable: "any" },
  } as const;
  const transformRoute = createJsonSchemaTransform(options);
  const openapi = {
    openapi: "3.1.0" as const,
    info: {
      title: "Holdfast",
      version,
      description: "The multi-node runtime for OpenClaw agents.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http" as const,
          scheme: "bearer",
          description: "A Holdfast token: `hf_…`.",
        },
      },
    },
    security: [{ bearer: [] }],
    // Every error of Holdfast, also those that no route here answers with.
    "x-holdfast-errors": errorTable(),
  };
  await app.register(swagger, {
    openapi,
    transform: (document) => {
      const { schema, url } = transformRoute(document);
      const access = document.route.config?.access;
      const security = access === "public" ? { security: [] } : {};
      return { schema: { ...schema, ...security, "x-holdfast-access": access }, url };
    },
    transformObject: createJsonSchemaTransformObject(options),
  });
}

function errorTable() {
  return Object.entries(errorCatalog).map(([code, kind]) => ({ code, ...kind }));
}
