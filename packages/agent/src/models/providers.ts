import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { HoldfastError, limits, type Provider, type ResourceStore } from "@holdfast/core";
import { type Environment, type ReadFile, resolveSecret, resolveValues } from "../secrets.ts";
import { providerFetch } from "./provider-fetch.ts";

/** The models behind `default`, in the order in which their provider's key is looked for. */
const defaultModels = [
  { key: "ANTHROPIC_API_KEY", model: "anthropic/claude-sonnet-5" },
  { key: "OPENAI_API_KEY", model: "openai/gpt-5.6" },
] as const;
const demoModel = "demo/greeter";

const builtIn: Readonly<Record<string, BuiltIn>> = {
  openai: {
    type: "openai",
    key: "OPENAI_API_KEY",
    baseUrlKey: "OPENAI_BASE_URL",
    baseUrl: "https://api.openai.com/v1",
  },
  anthropic: {
    type: "anthropic",
    key: "ANTHROPIC_API_KEY",
    baseUrlKey: "ANTHROPIC_BASE_URL",
    baseUrl: "https://api.anthropic.com/v1",
  },
};

interface BuiltIn {
  readonly type: "openai" | "anthropic";
  readonly key: string;
  readonly baseUrlKey: string;
  readonly baseUrl: string;
}

/** A model name, resolved: the demo, or a model behind HTTP. */
export type ResolvedModel =
  | { readonly kind: "demo"; readonly title: string; readonly model: string }
  | {
      readonly kind: "remote";
      /** `provider/model`. */
      readonly title: string;
      readonly provider: string;
      readonly baseUrl: string;
      readonly client: LanguageModelV4;
      /** Values that must not appear in errors. */
      readonly secrets: readonly string[];
      readonly timeoutMs: number | undefined;
    };

export interface ProvidersOptions {
  readonly resources: Pick<ResourceStore, "provider">;
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/** The `provider/model` that `default` stands for. */
export function defaultModel(env: Environment): string {
  return defaultModels.find(({ key }) => env[key]?.trim())?.model ?? demoModel;
}

/**
 * Finds the provider (the organization's own first, then the built-in ones) and its client. Secrets
 * are read at each call. Errors: `provider_not_found`, `model_rejected`.
 */
export function createProviders({ resources, env, readFile }: ProvidersOptions) {
  const clients = new Map<string, LanguageModelV4>();
  return {
    resolve(organization: string, name: string): ResolvedModel {
      const title = name === "default" ? defaultModel(env) : name;
      const slash = title.indexOf("/");
      if (slash < 1 || slash === title.length - 1) {
        throw new HoldfastError(
          "provider_not_found",
          `The model "${title}" is not of the form provider/model.`,
        );
      }
      const provider = title.slice(0, slash);
      const model = title.slice(slash + 1);
      const declared = resources.provider(organization, provider);
      const type = declared?.type ?? (provider === "demo" ? "demo" : builtIn[provider]?.type);
      if (type === undefined) {
        throw new HoldfastError(
          "provider_not_found",
          `The provider "${provider}" of the model ${title} is neither declared nor built in.`,
        );
      }
      if (type === "demo") return { kind: "demo", title, model };
      const access = accessOf(type, title, declared, env, readFile);
      const client = cached(clients, JSON.stringify([type, model, access]), () =>
        createClient(type, model, access),
      );
      const { baseUrl, secrets } = access;
      return {
        kind: "remote",
        title,
        provider,
        baseUrl,
        client,
        secrets,
        timeoutMs: declared?.timeoutMs,
      };
    },
  };
}

interface Access {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly headers: Record<string, string>;
  readonly secrets: readonly string[];
}

type RemoteType = Exclude<Provider["type"], "demo">;

function accessOf(
  type: RemoteType,
  title: string,
  declared: Provider | undefined,
  env: Environment,
  readFile: ReadFile,
): Access {
  const usual = type === "openai-compatible" ? undefined : builtIn[type];
  const baseUrl = declared?.baseUrl ?? (usual && (env[usual.baseUrlKey]?.trim() || usual.baseUrl));
  if (!baseUrl) {
    throw new HoldfastError("model_rejected", `The provider of ${title} needs a baseUrl.`);
  }
  const headers = resolveValues(declared?.headers, env, readFile);
  const apiKey = keyOf(title, declared, usual, env, readFile);
  const secrets = Object.entries(declared?.headers ?? {})
    .filter(([, value]) => typeof value !== "string")
    .map(([name]) => headers[name] ?? "");
  return {
    baseUrl: baseUrl.replace(/\/+$/, ""),
    apiKey,
    headers,
    secrets: [...secrets, apiKey ?? ""].filter((secret) => secret !== ""),
  };
}

function keyOf(
  title: string,
  declared: Provider | undefined,
  usual: BuiltIn | undefined,
  env: Environment,
  readFile: ReadFile,
): string | undefined {
  if (declared?.apiKey) return resolveSecret(declared.apiKey, env, readFile);
  if (!usual) return undefined;
  // The node's own key never goes to an address that an organization chose.
  if (declared?.baseUrl) {
    throw new HoldfastError(
      "model_rejected",
      `The provider of ${title} has its own baseUrl and so needs its own apiKey.`,
    );
  }
  return resolveSecret({ fromEnv: usual.key }, env, readFile);
}

function createClient(type: RemoteType, model: string, access: Access): LanguageModelV4 {
  const { baseUrl: baseURL, headers } = access;
  const common = { baseURL, headers, fetch: providerFetch };
  const key = access.apiKey === undefined ? {} : { apiKey: access.apiKey };
  if (type === "anthropic") return createAnthropic({ ...common, ...key })(model);
  // Chat completions, not responses: what every server behind OPENAI_BASE_URL speaks.
  if (type === "openai") return createOpenAI({ ...common, ...key }).chat(model);
  const settings = { name: "custom", includeUsage: true, supportsStructuredOutputs: true };
  return createOpenAICompatible({ ...common, ...key, ...settings }).chatModel(model);
}

/** The least recently used is dropped over `limits.modelClients`. */
function cached<T>(entries: Map<string, T>, key: string, create: () => T): T {
  const value = entries.get(key) ?? create();
  entries.delete(key);
  entries.set(key, value);
  if (entries.size > limits.modelClients) {
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      break;
    }
  }
  return value;
}
