import { HoldfastError } from "../errors.ts";
import { ownedKinds, type Resource, type ResourceKind } from "../resources.ts";

/** The bucket of all declared resources. */
export const resourceBucket = "resources";

/** Version of the stored form. A node refuses what a newer one wrote. */
const storedVersion = 1;
const head = `{"v":${storedVersion},"resource":`;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What names a resource. `organization` is undefined for organizations alone. */
export interface ResourceAddress {
  readonly kind: ResourceKind;
  readonly organization: string | undefined;
  readonly name: string;
}

export function addressOf(resource: Resource): ResourceAddress {
  return resource.kind === "Organization"
    ? { kind: resource.kind, organization: undefined, name: resource.name }
    : { kind: resource.kind, organization: resource.organization, name: resource.name };
}

/** As people write it: `Agent demo/greeter`. */
export function addressTitle({ kind, organization, name }: ResourceAddress): string {
  return organization === undefined ? `${kind} ${name}` : `${kind} ${organization}/${name}`;
}

/** `organization.<name>`, or `<kind>.<organization>.<name>`, the kind in lower case. */
export function keyOf({ kind, organization, name }: ResourceAddress): string {
  const word = kind.toLowerCase();
  return organization === undefined ? `${word}.${name}` : `${word}.${organization}.${name}`;
}

/** The reverse of `keyOf`; undefined for a key that this version does not know. */
export function parseKey(key: string): ResourceAddress | undefined {
  const [word, first, second, ...rest] = key.split(".");
  if (first === undefined || rest.length > 0) return undefined;
  if (word === "organization" && second === undefined) {
    return { kind: "Organization", organization: undefined, name: first };
  }
  if (second === undefined) return undefined;
  const kind = ownedKinds.find((each) => each.toLowerCase() === word);
  return kind && { kind, organization: first, name: second };
}

export function storedText(resource: Resource): string {
  return `${head}${JSON.stringify(resource)}}`;
}

export function toBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are no UTF-8 become the empty text, which no read accepts. */
export function toText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return "";
  }
}

/** Errors: `home_too_new`, `data_corrupt`. */
export function parseStored(address: ResourceAddress, text: string): Resource {
  const { v, resource } = parseEnvelope(keyOf(address), text);
  if (v !== storedVersion) throw tooNew(keyOf(address), v);
  if (!isAt(resource, address)) throw corrupt(keyOf(address));
  return deepFreeze(resource);
}

/** What is wrong with a stored value at first sight: its version, its frame, or a key unknown here. */
export function storedFault(key: string, text: string): HoldfastError | undefined {
  if (parseKey(key) && text.startsWith(head) && text.endsWith("}}")) return undefined;
  try {
    const { v } = parseEnvelope(key, text);
    return v !== storedVersion || !parseKey(key) ? tooNew(key, v) : undefined;
  } catch (thrown) {
    if (thrown instanceof HoldfastError) return thrown;
    throw thrown;
  }
}

function parseEnvelope(key: string, text: string): { v: number; resource?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt(key, cause);
  }
  const v = (value as { v?: unknown } | null)?.v;
  if (typeof v !== "number" || v < storedVersion) throw corrupt(key);
  return value as { v: number };
}

function isAt(value: unknown, { kind, organization, name }: ResourceAddress): value is Resource {
  const found = value as Partial<Record<string, unknown>> | null | undefined;
  return found?.kind === kind && found.organization === organization && found.name === name;
}

function tooNew(key: string, version: number): HoldfastError {
  const message = `${resourceBucket}/${key} was written by a newer version of Holdfast (form ${version}).`;
  return new HoldfastError("home_too_new", message);
}

function corrupt(key: string, cause?: unknown): HoldfastError {
  const message = `${resourceBucket}/${key} cannot be read.`;
  return new HoldfastError("data_corrupt", message, { cause });
}

/** Every reader is handed the same object: none may change it for the others. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
