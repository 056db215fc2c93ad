import type { Agent, Provider } from "@holdfast/core";
import { builtInProviders, knownProvider } from "./known-providers.ts";
import type { Names } from "./names.ts";
import { isObject, type Json, type Section } from "./section.ts";

const maxFallbacks = 4;

/** Turns OpenClaw's model names into ours, and remembers which well-known providers they need. */
export class ModelRefs {
  readonly needed = new Map<string, Provider>();
  private readonly organization: string;
  private readonly names: Names;
  private readonly aliases = new Map<string, string>();

  constructor(organization: string, names: Names) {
    this.organization = organization;
    this.names = names;
  }

  /** `agents.defaults.models`: the aliases under which agents may name models. */
  readAliases(models: Section | undefined): void {
    for (const id of models?.keys() ?? []) {
      const entry = models?.section(id);
      const alias = entry?.string("alias");
      if (alias !== undefined) {
        this.aliases.set(alias.toLowerCase(), id);
        entry?.take("alias", `alias ${alias}`, `agents that name it get ${id}`);
      }
      entry?.rest(`model ${id}`, () => "settings of single models are not taken over");
    }
  }

  /** The model of one agent, from its `model` and `params`, or from the defaults. */
  read(owner: Section | undefined, defaults: Section | undefined, agent: string): Agent["model"] {
    const own = owner?.has("model") ? owner : undefined;
    const source = own ?? (defaults?.has("model") ? defaults : undefined);
    const settings = { ...readParams(defaults), ...readParams(owner) };
    const { primary, fallbacks } = source
      ? this.readChoice(source, agent)
      : { primary: "default", fallbacks: [] };
    if (fallbacks.length === 0 && Object.keys(settings).length === 0) return primary;
    return { primary, ...(fallbacks.length > 0 && { fallbacks: [...fallbacks] }), ...settings };
  }

  private readChoice(source: Section, agent: string): { primary: string; fallbacks: string[] } {
    const subject = `model of agent ${agent}`;
    const value = source.any("model");
    const wanted = choice(value);
    if (!wanted) {
      source.wrong("model", "a model's name or {primary, fallbacks}");
      return { primary: "default", fallbacks: [] };
    }
    const primary = this.resolve(wanted.primary);
    const fallbacks: string[] = [];
    for (const fallback of wanted.fallbacks) {
      const resolved = this.resolve(fallback);
      if (!("model" in resolved)) {
        source.leave("model", `fallback ${fallback} of agent ${agent}`, resolved.reason);
      } else if (fallbacks.length >= maxFallbacks) {
        source.leave(
          "model",
          `fallback ${fallback} of agent ${agent}`,
          `an agent has at most ${maxFallbacks}`,
        );
      } else fallbacks.push(resolved.model);
    }
    if ("model" in primary) {
      const behind = fallbacks.length > 0 ? `, then ${fallbacks.join(", ")}` : "";
      source.take("model", subject, `${primary.model}${behind}`);
      return { primary: primary.model, fallbacks };
    }
    source.leave("model", subject, `${primary.reason}; the agent uses the model "default"`);
    return { primary: "default", fallbacks };
  }

  private resolve(written: string): { model: string } | { reason: string } {
    const name = this.aliases.get(written.toLowerCase()) ?? written;
    const slash = name.indexOf("/");
    const shown = JSON.stringify(name.slice(0, 200));
    if (slash <= 0) return { reason: `${shown} is neither "provider/model" nor a declared alias` };
    const provider = name.slice(0, slash);
    const model = name.slice(slash + 1);
    if (!/^\S{1,200}$/.test(model)) return { reason: `${shown} is no model's name` };
    const declared = this.names.get(provider);
    if (declared !== undefined) return { model: `${declared}/${model}` };
    if (builtInProviders.includes(provider)) return { model: name };
    const known = knownProvider(provider, this.organization);
    if (!known) return { reason: `the provider of ${shown} is neither declared nor built in` };
    this.needed.set(provider, known);
    return { model: name };
  }
}

function choice(
  value: Json | undefined,
): { primary: string; fallbacks: readonly string[] } | undefined {
  if (typeof value === "string" && value !== "") return { primary: value, fallbacks: [] };
  if (!isObject(value) || typeof value["primary"] !== "string") return undefined;
  const fallbacks = value["fallbacks"] ?? [];
  if (!Array.isArray(fallbacks) || !fallbacks.every((entry) => typeof entry === "string"))
    return undefined;
  return { primary: value["primary"], fallbacks };
}

function readParams(owner: Section | undefined) {
  const params = owner?.section("params");
  if (!params) return {};
  const temperature = params.number("temperature");
  const topP = params.number("topP");
  const maxTokens = params.number("maxTokens");
  const settings = {
    ...(within(params, "temperature", temperature, 0, 2) && { temperature }),
    ...(within(params, "topP", topP, 0, 1) && { topP }),
    ...(within(params, "maxTokens", maxTokens, 1, 1_000_000) && { maxOutputTokens: maxTokens }),
  };
  params.rest("model settings", () => "only temperature, topP and maxTokens are taken over");
  return settings;
}

function within(
  params: Section,
  key: string,
  value: number | undefined,
  low: number,
  high: number,
): value is number {
  if (value === undefined) return false;
  if (!(value >= low && value <= high)) {
    params.wrong(key, `a number from ${low} to ${high}`, String(value));
    return false;
  }
  params.take(key, `${key} of the model`, "as it is");
  return true;
}
