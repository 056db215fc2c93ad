import { readFileSync } from "node:fs";
import { type ErrorCode, HoldfastError, type SecretRef } from "@holdfast/core";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns a file's text; throws like `fs.readFileSync` when it cannot. */
export type ReadFile = (path: string) => string;

const secretMaxChars = 64 * 1024;

export const readTextFile: ReadFile = (path) => readFileSync(path, "utf8");

/**
 * The secret's value, read now: a rotated file or a changed variable counts from the next call on.
 * White space around it is dropped, because files end in a newline. A missing, empty or unusable secret
 * is an error with `code` that names the variable or the file, never the value.
 */
export function resolveSecret(
  ref: SecretRef,
  env: Environment,
  readFile: ReadFile = readTextFile,
  code: ErrorCode = "model_rejected",
): string {
  const [place, raw] =
    "fromEnv" in ref
      ? [`environment variable ${ref.fromEnv}`, env[ref.fromEnv]]
      : [`file ${ref.fromFile}`, readSecretFile(ref.fromFile, readFile, code)];
  const fail = (what: string) => {
    throw new HoldfastError(code, `The secret in the ${place} ${what}.`);
  };
  if (raw === undefined) return fail("is not set");
  const value = raw.trim();
  if (value === "") return fail("is empty");
  if (value.length > secretMaxChars) return fail(`is longer than ${secretMaxChars} characters`);
  // A control character would break the header it goes into, and the runtime's error would quote it.
  if (hasControlCharacter(value)) return fail("holds a control character or a line break");
  return value;
}

/** Literal values as they are, references resolved. */
export function resolveValues(
  values: Readonly<Record<string, string | SecretRef>> | undefined,
  env: Environment,
  readFile: ReadFile = readTextFile,
  code: ErrorCode = "model_rejected",
): Record<string, string> {
  const resolved: Record<string, string> = {};
  for (const [name, value] of Object.entries(values ?? {})) {
    resolved[name] = typeof value === "string" ? value : resolveSecret(value, env, readFile, code);
  }
  return resolved;
}

function readSecretFile(path: string, readFile: ReadFile, code: ErrorCode): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new HoldfastError(code, `The secret in the file ${path} cannot be read (${reason}).`, {
      cause: error,
    });
  }
}

function hasControlCharacter(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}
