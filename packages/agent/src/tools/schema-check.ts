import { limits } from "@holdfast/core";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export type SchemaCheck =
  | { readonly fits: true }
  | { readonly fits: false; readonly faults: readonly string[] }
  /** The schema itself cannot be used. */
  | { readonly fits: undefined; readonly reason: string };

export interface SchemaChecker {
  check(schema: object, value: unknown): SchemaCheck;
}

/**
 * Checks values against JSON schemas (2020-12, or draft 7 where `$schema` says so). The last
 * `limits.toolSchemasCompiled` schemas stay compiled; equal schemas of many agents are compiled once.
 */
export function createSchemaChecker(): SchemaChecker {
  const compiled = new Map<string, ValidateFunction | string>();
  const compiledOf = (schema: object) => {
    const text = JSON.stringify(schema);
    const known = compiled.get(text);
    const validate = known ?? compile(schema);
    compiled.delete(text);
    compiled.set(text, validate);
    if (compiled.size > limits.toolSchemasCompiled) {
      for (const oldest of compiled.keys()) {
        compiled.delete(oldest);
        break;
      }
    }
    return validate;
  };
  return {
    check(schema, value) {
      const validate = compiledOf(schema);
      if (typeof validate === "string") return { fits: undefined, reason: validate };
      if (validate(value)) return { fits: true };
      return { fits: false, faults: describeFaults(validate.errors ?? []) };
    },
  };
}

const faultsShown = 20;

/** One instance per schema: `$id`s of strangers never meet, and what is dropped is really freed. */
function compile(schema: object): ValidateFunction | string {
  const options = {
    strict: false,
    allErrors: false,
    validateFormats: true,
    logger: false,
  } as const;
  try {
    const ajv = isDraft7(schema) ? new Ajv(options) : new Ajv2020(options);
    addFormats.default(ajv);
    return ajv.compile(schema);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isDraft7(schema: object): boolean {
  return "$schema" in schema && /draft-0[67]/.test(String(schema.$schema));
}

function describeFaults(errors: readonly ErrorObject[]): string[] {
  return errors.slice(0, faultsShown).map((error) => {
    const params = error.params as Record<string, unknown>;
    const extra =
      error.keyword === "enum"
        ? `: ${JSON.stringify(params.allowedValues).slice(0, 500)}`
        : error.keyword === "additionalProperties"
          ? `: ${JSON.stringify(params.additionalProperty)} is unknown`
          : error.keyword === "const"
            ? `: ${JSON.stringify(params.allowedValue).slice(0, 500)}`
            : "";
    return `${pathOf(error.instancePath)}: ${error.message ?? "does not fit"}${extra}`;
  });
}

/** `/items/2/name` as `arguments.items[2].name`. */
function pathOf(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  return parts.reduce((path, part) => {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    return /^\d+$/.test(name) ? `${path}[${name}]` : `${path}.${name}`;
  }, "arguments");
}
