import type { Provider } from "@holdfast/core";

/** Providers that OpenClaw knows by itself and that speak OpenAI's API, so that a model can name them. */
const compatible: Readonly<Record<string, { baseUrl: string; keyFrom?: string }>> = {
  openrouter: { baseUrl: "https://openrouter.ai/api/v1", keyFrom: "OPENROUTER_API_KEY" },
  google: {
    baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
    keyFrom: "GEMINI_API_KEY",
  },
  groq: { baseUrl: "https://api.groq.com/openai/v1", keyFrom: "GROQ_API_KEY" },
  mistral: { baseUrl: "https://api.mistral.ai/v1", keyFrom: "MISTRAL_API_KEY" },
  deepseek: { baseUrl: "https://api.deepseek.com/v1", keyFrom: "DEEPSEEK_API_KEY" },
  xai: { baseUrl: "https://api.x.ai/v1", keyFrom: "XAI_API_KEY" },
  together: { baseUrl: "https://api.together.xyz/v1", keyFrom: "TOGETHER_API_KEY" },
  cerebras: { baseUrl: "https://api.cerebras.ai/v1", keyFrom: "CEREBRAS_API_KEY" },
  ollama: { baseUrl: "http://127.0.0.1:11434/v1" },
  lmstudio: { baseUrl: "http://127.0.0.1:1234/v1" },
  vllm: { baseUrl: "http://127.0.0.1:8000/v1" },
};

/** Built into Holdfast: usable without a Provider resource. */
export const builtInProviders: readonly string[] = ["openai", "anthropic", "demo"];

export function knownProvider(id: string, organization: string): Provider | undefined {
  const known = Object.hasOwn(compatible, id) ? compatible[id] : undefined;
  if (!known) return undefined;
  return {
    kind: "Provider",
    organization,
    name: id,
    type: "openai-compatible",
    baseUrl: known.baseUrl,
    ...(known.keyFrom && { apiKey: { fromEnv: known.keyFrom } }),
  };
}
