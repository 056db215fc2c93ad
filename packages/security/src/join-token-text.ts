import { HoldfastError, limits, namePattern } from "@holdfast/core";

/**
 * What a new node needs to find its cluster, to know that it is the right one, and to be let in:
 * `hfj_` and base64url of JSON `{v: 1, c: cluster, f: fingerprint, u: [urls], i: id, s: secret}`.
 */
export interface JoinToken {
  readonly cluster: string;
  /** SHA-256 of the authority's certificate, 64 characters of lower-case hex. */
  readonly fingerprint: string;
  /** Where store nodes serve the API; https, as the fingerprint can only be checked there. */
  readonly urls: readonly string[];
  readonly id: string;
  readonly secret: string;
}

const joinTokenPrefix = "hfj_";
/** Of [0-9a-z]: 258 bits, so that one round of a fast hash keeps it. */
export const joinSecretLength = 50;

export function joinTokenText(token: JoinToken): string {
  const { cluster: c, fingerprint: f, urls: u, id: i, secret: s } = token;
  const text =
    joinTokenPrefix + Buffer.from(JSON.stringify({ v: 1, c, f, u, i, s })).toString("base64url");
  const fault =
    faultOf(token) ?? (text.length > limits.joinTokenChars ? "It is too long." : undefined);
  if (fault !== undefined) throw new HoldfastError("invalid_request", `No join token: ${fault}`);
  return text;
}

/** Reads a token at the joining side; white space around it is left out. Errors: `join_token_invalid`. */
export function parseJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(joinTokenPrefix)) {
    throw invalidJoinToken(
      trimmed.startsWith("hf_")
        ? "This is a token of the API; a join token begins with hfj_."
        : "A join token begins with hfj_.",
    );
  }
  const fields = trimmed.length > limits.joinTokenChars ? undefined : decode(trimmed);
  if (!fields) throw invalidJoinToken("The join token was cut or changed; copy it whole.");
  const { v, c, f, u, i, s } = fields;
  if (v !== 1) throw invalidJoinToken("The join token is of another version of Holdfast.");
  const token = { cluster: c, fingerprint: f, urls: u, id: i, secret: s } as JoinToken;
  const fault = faultOf(token);
  if (fault !== undefined) throw invalidJoinToken(`The join token is damaged: ${fault}`);
  return token;
}

export function invalidJoinToken(message: string): HoldfastError {
  return new HoldfastError("join_token_invalid", message);
}

function decode(text: string): Record<string, unknown> | undefined {
  const encoded = text.slice(joinTokenPrefix.length);
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) return undefined;
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(
      Buffer.from(encoded, "base64url"),
    );
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "object" && parsed !== null
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The fields may be of any type: a token is somebody else's text. */
function faultOf(token: { readonly [Field in keyof JoinToken]: unknown }): string | undefined {
  const { cluster, fingerprint, urls, id, secret } = token;
  if (!matches(cluster, namePattern)) return "its cluster is no name.";
  if (!matches(fingerprint, /^[0-9a-f]{64}$/)) return "its fingerprint is no SHA-256 in hex.";
  if (!matches(id, /^[0-9a-z]{16}$/)) return "its id is malformed.";
  if (!matches(secret, /^[0-9a-z]{50}$/)) return "its secret is malformed.";
  const list = Array.isArray(urls) ? urls : [];
  if (list.length === 0 || list.length > limits.joinTokenUrls) {
    return `it names ${list.length} addresses where 1 to ${limits.joinTokenUrls} are expected.`;
  }
  return list.every(isHttpsUrl) ? undefined : "an address of it does not begin with https://.";
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

function isHttpsUrl(value: unknown): boolean {
  if (typeof value !== "string" || !value.startsWith("https://")) return false;
  const url = URL.parse(value);
  return url !== null && url.username === "" && url.password === "";
}
