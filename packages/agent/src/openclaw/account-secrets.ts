import { resolve } from "node:path";
import type { SecretRef } from "@holdfast/core";
import { nameOf } from "./header-values.ts";
import { type Environment, readSecret, variableName } from "./secrets.ts";
import type { Section } from "./section.ts";

export interface SecretContext {
  /** The account's name. */
  readonly account: string;
  readonly subject: string;
  readonly env: Environment;
  readonly secretFiles: ReadonlyMap<string, string>;
  /** The folder of openclaw.json. */
  readonly directory: string;
}

/**
 * Where a credential is read from. One that stands in the file is never carried along: it gets the name of a
 * variable to set. `fallback`: the variable that OpenClaw itself reads where nothing is said.
 * Undefined when the section says nothing and there is no fallback.
 */
export function readCredential(
  section: Section,
  key: string,
  context: SecretContext,
  fallback?: string,
): SecretRef | undefined {
  const value = section.any(key);
  const what = `${key} of ${context.subject}`;
  const name = variableName(context.account, key.replace(/([a-z])([A-Z])/g, "$1_$2"));
  if (value === undefined || value === "") {
    if (fallback === undefined) return undefined;
    section.takeWhole(what, `read from the environment variable ${fallback}, as OpenClaw does`);
    return { fromEnv: fallback };
  }
  const secret = readSecret(value, context.secretFiles);
  if (secret.type === "reference") {
    section.take(key, what, `read from ${nameOf(secret.ref)} when it is needed`);
    return secret.ref;
  }
  const why = secret.type === "literal" ? "a secret is not taken over" : secret.reason;
  section.leave(key, what, `${why}: set the environment variable ${name}`);
  return { fromEnv: name };
}

/** A file that holds nothing but the credential. */
export function readCredentialFile(
  section: Section,
  key: string,
  { directory, subject }: SecretContext,
): SecretRef | undefined {
  const path = section.string(key);
  if (path === undefined || path === "") return undefined;
  const file = resolve(directory, path);
  section.take(key, `${key} of ${subject}`, `read from the file ${file} when it is needed`);
  return { fromFile: file };
}
