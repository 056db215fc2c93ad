import type { Provider, SecretRef } from "@holdfast/core";
import { nameOf, readValues, type ValueContext } from "./header-values.ts";
import type { Names } from "./names.ts";
import { hasSecretInUrl, readSecret, substitute, variableName } from "./secrets.ts";
import type { Section } from "./section.ts";

export interface ProviderContext extends ValueContext {
  readonly organization: string;
  readonly names: Names;
}

type ProviderType = Provider["type"];

const apiKinds: Readonly<Record<string, ProviderType>> = {
  "openai-completions": "openai-compatible",
  "openai-responses": "openai",
  "anthropic-messages": "anthropic",
  ollama: "openai-compatible",
};

/** What people write where a local server wants any key. */
const placeholderKeys =
  /^(ollama(-local)?|local|lm-?studio|none|no-?key|not-needed|dummy|n\/a|x|-)$/i;
const variableShape = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET)$/;

/** Reads `models.providers` into Provider resources. */
export function readProviders(models: Section | undefined, context: ProviderContext): Provider[] {
  const providers: Provider[] = [];
  const section = models?.section("providers");
  for (const id of section?.keys() ?? []) {
    const entry = section?.section(id);
    const provider = entry && readProvider(id, entry, context);
    if (provider) providers.push(provider);
  }
  models?.rest("models", () => "only models.providers is taken over");
  return providers;
}

function readProvider(id: string, entry: Section, context: ProviderContext): Provider | undefined {
  const subject = `provider ${id}`;
  const api = entry.string("api");
  const type = api === undefined ? defaultType(id) : apiKinds[api];
  const written = entry.string("baseUrl");
  const headers = entry.section("headers");
  const apiKey = readApiKey(entry, id, subject, written, context);
  const timeoutSeconds = entry.number("timeoutSeconds");
  const auth = entry.string("auth");
  if (type === undefined) {
    const known = Object.keys(apiKinds).join(", ");
    entry.leave(
      "api",
      subject,
      `its API ${JSON.stringify(api)} is not spoken here; these are: ${known}`,
    );
    leaveAll(entry, subject);
    return undefined;
  }
  if (auth !== undefined && auth !== "api-key" && auth !== "token") {
    entry.leave("auth", subject, `signing in with ${auth} is not supported: use a key`);
    leaveAll(entry, subject);
    return undefined;
  }
  const url =
    written === undefined ? undefined : readUrl(entry, written, api, type, subject, context);
  if (written !== undefined && url === undefined) {
    leaveAll(entry, subject);
    return undefined;
  }
  if (url === undefined && type === "openai-compatible") {
    entry.leave("baseUrl", subject, "it has no baseUrl, and no server can be guessed");
    leaveAll(entry, subject);
    return undefined;
  }
  const name = context.names.add(id, entry.path);
  if (name === undefined) return undefined;
  const values = headers && readValues(headers, subject, name, context);
  entry.rest(subject, (key) =>
    key === "models"
      ? "no catalogue is needed: agents name their models"
      : "it has no counterpart here",
  );
  entry.takeWhole(subject, `as Provider ${name} of type ${type}${url ? `, ${url}` : ""}`);
  return {
    kind: "Provider",
    organization: context.organization,
    name,
    type,
    ...(url && { baseUrl: url }),
    ...(apiKey && { apiKey }),
    ...(values && Object.keys(values).length > 0 && { headers: values }),
    ...(timeoutSeconds !== undefined && {
      timeoutMs: clamp(timeoutSeconds * 1000, 1_000, 600_000),
    }),
  };
}

function defaultType(id: string): ProviderType {
  return id === "openai" || id === "anthropic" ? id : "openai-compatible";
}

function readApiKey(
  entry: Section,
  id: string,
  subject: string,
  url: string | undefined,
  context: ProviderContext,
): SecretRef | undefined {
  const value = entry.any("apiKey");
  if (value === undefined || value === "") return undefined;
  const what = `key of ${subject}`;
  const secret = readSecret(value, context.secretFiles);
  if (secret.type === "reference") {
    entry.take("apiKey", what, `read from ${nameOf(secret.ref)} when it is needed`);
    return secret.ref;
  }
  if (secret.type === "unsupported") {
    entry.leave("apiKey", what, `${secret.reason}; set apiKey.fromEnv of the Provider`);
    return undefined;
  }
  if (typeof value === "string" && placeholderKeys.test(value) && isLocal(url)) {
    entry.leave("apiKey", what, "a local server that needs no key gets none");
    return undefined;
  }
  if (typeof value === "string" && variableShape.test(value)) {
    entry.take("apiKey", what, `read from the environment variable ${value} when it is needed`);
    return { fromEnv: value };
  }
  const name = variableName(id, "API_KEY");
  entry.leave("apiKey", what, `a secret is not taken over: set the environment variable ${name}`);
  return { fromEnv: name };
}

/** The base URL as it is used here; undefined, with a note or an error, when it cannot be used. */
function readUrl(
  entry: Section,
  written: string,
  api: string | undefined,
  type: ProviderType,
  subject: string,
  context: ProviderContext,
): string | undefined {
  const filled = substitute(written, context.env);
  if (filled.open.length > 0) {
    const reason = `its baseUrl needs ${filled.open.join(", ")}: set it in the environment of the import`;
    entry.leave("baseUrl", subject, reason);
    return undefined;
  }
  const url = URL.parse(filled.text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    entry.wrong("baseUrl", "an http or https URL", "another text");
    return undefined;
  }
  if (hasSecretInUrl(filled.text)) {
    entry.leave(
      "baseUrl",
      subject,
      "its baseUrl holds a secret: declare a Provider with apiKey or headers instead",
    );
    return undefined;
  }
  const bare = filled.text.replace(/\/+$/, "");
  // OpenClaw adds /v1 itself for these two; here a base URL includes it.
  const versionless =
    (api === "ollama" || type === "anthropic") &&
    !/\/v\d+\w*$/.test(url.pathname.replace(/\/+$/, ""));
  return versionless ? `${bare}/v1` : bare;
}

function leaveAll(entry: Section, subject: string): void {
  entry.rest(subject, () => `${subject} as a whole is not taken over`);
}

function isLocal(url: string | undefined): boolean {
  const host = URL.parse(url ?? "")?.hostname ?? "";
  return (
    /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|host\.docker\.internal)/.test(
      host,
    ) || host.endsWith(".local")
  );
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)));
}
