import type { SecretRef } from "@holdfast/core";
import { type Environment, looksSecret, readSecret, substitute, variableName } from "./secrets.ts";
import type { Json, Section } from "./section.ts";

export interface ValueContext {
  readonly env: Environment;
  readonly secretFiles: ReadonlyMap<string, string>;
}

/**
 * Reads a map of headers or environment variables. Secrets become references; a literal one is left out
 * and reported with the name of the variable that is to hold it. `prefix` makes that name; without it
 * the key itself is the name.
 */
export function readValues(
  section: Section,
  subject: string,
  prefix: string | undefined,
  context: ValueContext,
): Record<string, string | SecretRef> {
  const values: Record<string, string | SecretRef> = {};
  for (const key of section.keys()) {
    const value = section.any(key);
    if (value === undefined) continue;
    const found = readValue(section, key, value, subject, prefix, context);
    if (found !== undefined) values[key] = found;
  }
  return values;
}

function readValue(
  section: Section,
  key: string,
  value: Json,
  subject: string,
  prefix: string | undefined,
  context: ValueContext,
): string | SecretRef | undefined {
  const what = `${key} of ${subject}`;
  const plain = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  const secret = readSecret(plain, context.secretFiles);
  if (secret.type === "reference") {
    section.take(key, what, `read from ${nameOf(secret.ref)} when it is needed`);
    return secret.ref;
  }
  if (secret.type === "unsupported" || typeof plain !== "string") {
    section.leave(key, what, secret.type === "unsupported" ? secret.reason : "it is not a text");
    return undefined;
  }
  const name = prefix === undefined ? variableName(key) : variableName(prefix, key);
  if (looksSecret(key, plain)) {
    section.leave(
      key,
      what,
      `a secret is not taken over: set the environment variable ${name} to its whole value`,
    );
    return { fromEnv: name };
  }
  const filled = substitute(plain, context.env);
  if (filled.open.length > 0) {
    const reason = `it is built from ${filled.open.join(", ")}: set the environment variable ${name} to its whole value`;
    section.leave(key, what, reason);
    return { fromEnv: name };
  }
  section.take(
    key,
    what,
    filled.filled.length > 0 ? `filled in from ${filled.filled.join(", ")}` : "as it is",
  );
  return filled.text;
}

export function nameOf(ref: SecretRef): string {
  return "fromEnv" in ref ? `the environment variable ${ref.fromEnv}` : `the file ${ref.fromFile}`;
}
