import type { ModelSettings, ToolDescriptor } from "@holdfast/core";

/** Settings as both of OpenAI's endpoints have them; absent and null are the same. */
export interface OpenAiSettings {
  readonly temperature?: number | null | undefined;
  readonly topP?: number | null | undefined;
  readonly maxOutputTokens?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly toolChoice?: ModelSettings["toolChoice"] | null | undefined;
  readonly responseFormat?: ModelSettings["responseFormat"] | null | undefined;
}

/** Undefined when nothing is set, so that most messages carry none. */
export function modelSettings(from: OpenAiSettings): ModelSettings | undefined {
  const { stop, ...rest } = from;
  const all = { ...rest, stop: typeof stop === "string" ? [stop] : stop };
  const given = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return given.length > 0 ? (Object.fromEntries(given) as ModelSettings) : undefined;
}

export function toolDescriptor(declared: {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: object | null | undefined;
}): ToolDescriptor {
  return {
    name: declared.name,
    description: declared.description ?? "",
    parameters: declared.parameters ?? { type: "object", properties: {} },
  };
}
