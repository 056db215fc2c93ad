import type { Agent } from "@holdfast/core";

/** An agent's model as OpenClaw divides it. */
export function agentModel(agent: Agent | undefined): {
  readonly model?: string;
  readonly modelProvider?: string;
} {
  const primary = agent && primaryModel(agent);
  if (primary === undefined) return {};
  const slash = primary.indexOf("/");
  if (slash < 0) return { model: primary };
  return { model: primary.slice(slash + 1), modelProvider: primary.slice(0, slash) };
}

/** `provider/model`, or `default`. */
export function primaryModel({ model }: Agent): string {
  return typeof model === "string" ? model : model.primary;
}

export function fallbackModels({ model }: Agent): readonly string[] {
  return typeof model === "string" ? [] : (model.fallbacks ?? []);
}
