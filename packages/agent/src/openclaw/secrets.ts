import type { SecretRef } from "@holdfast/core";
import { isObject, type Json } from "./section.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a secret stands, or why that cannot be said. A literal secret is never carried along. */
export type SecretReading =
  | { readonly type: "reference"; readonly ref: SecretRef }
  | { readonly type: "literal" }
  | { readonly type: "unsupported"; readonly reason: string };

const variable = /^\$\{([A-Z_][A-Z0-9_]*)\}$/;
const secretWord =
  /(^|[^a-z])(api-?_?key|key|token|secret|password|passwd|passphrase|credentials?|authorization|auth|cookie|pat|bearer)([^a-z]|$)/i;
const secretPrefix =
  /^(sk-|sk_|rk_|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|xapp-|AKIA|ASIA|AIza|ya29\.|eyJ[\w-]+\.|hf_|gsk_|xai-|npm_|pk_live|SG\.|Bearer |Basic )/;

/** Reads a value that is meant to be a secret: `${VAR}`, a secret reference, or a literal. */
export function readSecret(value: Json, secretFiles: ReadonlyMap<string, string>): SecretReading {
  if (typeof value === "string") {
    const name = variable.exec(value)?.[1];
    return name === undefined ? { type: "literal" } : { type: "reference", ref: { fromEnv: name } };
  }
  if (!isObject(value))
    return { type: "unsupported", reason: "it is neither a text nor a reference" };
  const { source, id, provider } = value;
  if (source === "env" && typeof id === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(id)) {
    return { type: "reference", ref: { fromEnv: id } };
  }
  const file =
    source === "file" && typeof provider === "string" ? secretFiles.get(provider) : undefined;
  if (file !== undefined) return { type: "reference", ref: { fromFile: file } };
  const kind =
    typeof source === "string" ? JSON.stringify(source.slice(0, 40)) : "an unknown source";
  return {
    type: "unsupported",
    reason: `secrets come from the environment or a file here, not from ${kind}`,
  };
}

/** Whether a value under this name should never be written down. */
export function looksSecret(name: string, value: string): boolean {
  if (value === "" || variable.test(value)) return false;
  return isSecretName(name) || looksLikeSecretValue(value) || hasSecretInUrl(value);
}

export function isSecretName(name: string): boolean {
  // apiKey and API_KEY alike.
  return secretWord.test(name.replace(/([a-z])([A-Z])/g, "$1_$2"));
}

export function looksLikeSecretValue(value: string): boolean {
  const text = value.trim();
  if (secretPrefix.test(text)) return true;
  if (!/^[A-Za-z0-9+/_=.-]{32,}$/.test(text) || /^[./]|\/.*\/.*\/|\.[a-z]{2,4}$/.test(text))
    return false;
  return /[0-9]/.test(text) && /[A-Za-z]/.test(text) && new Set(text).size >= 12;
}

/** A URL that carries a password or a token. */
export function hasSecretInUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url) return false;
  if (url.password !== "" || url.username !== "") return true;
  return (
    [...url.searchParams].some(([name, value]) => looksSecret(name, value)) ||
    url.pathname.split("/").some(looksLikeSecretValue)
  );
}

export interface Substitution {
  readonly text: string;
  /** Variables that are not set, or whose value is a secret and may not be written down. */
  readonly open: readonly string[];
  readonly filled: readonly string[];
}

/** Fills `${VAR}` from the environment; `$${VAR}` stands for a literal `${VAR}`. */
export function substitute(text: string, env: Environment): Substitution {
  const open: string[] = [];
  const filled: string[] = [];
  const result = text.replace(/\$?\$\{([A-Z_][A-Z0-9_]*)\}/g, (match, name: string) => {
    if (match.startsWith("$$")) return match.slice(1);
    const value = env[name];
    if (value === undefined || value === "" || looksSecret(name, value)) {
      open.push(name);
      return match;
    }
    filled.push(name);
    return value;
  });
  return { text: result, open, filled };
}

/** A name for an environment variable, made of words: `("docs", "api-key")` gives `DOCS_API_KEY`. */
export function variableName(...words: readonly string[]): string {
  const name = words
    .join("_")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return /^[A-Z_]/.test(name) ? name : `SECRET_${name}`;
}
