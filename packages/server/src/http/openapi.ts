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
  const transformObject = createJsonSchemaTransformObject(options);
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
    transformObject: (document) => tidied(transformObject(document) as Document),
  });
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, unknown> };
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: { name: string }[];
  readonly responses: Record<string, { description: string }>;
}

/** What the generators leave: wildcards, empty descriptions, and input variants that nobody uses. */
function tidied(document: Document): Document {
  const paths: Document["paths"] = {};
  for (const [path, operations] of Object.entries(document.paths)) {
    paths[path.replace("{*}", "{model}")] = operations;
    for (const { summary, parameters, responses } of Object.values(operations)) {
      for (const one of parameters ?? []) if (one.name === "*") one.name = "model";
      for (const response of Object.values(responses)) {
        if (response.description === "Default Response") response.description = summary ?? "Done";
      }
    }
  }
  const text = JSON.stringify({ paths, components: document.components });
  const used = Object.entries(document.components.schemas).filter(
    ([name]) => !name.endsWith("Input") || text.includes(`"#/components/schemas/${name}"`),
  );
  const components = { ...document.components, schemas: Object.fromEntries(used) };
  return { ...document, paths, components };
}

function errorTable() {
  return Object.entries(errorCatalog).map(([code, kind]) => ({ code, ...kind }));
}
