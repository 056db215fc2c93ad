import { limits } from "@holdfast/core";
import { z } from "zod";

/**
 * A list whose length is judged before its items: zod would look at every one of them first, and one fault
 * for each of many items costs far more than the request.
 */
export function listOf<Item extends z.ZodType>(
  item: Item,
  { min = 0, max = limits.requestItems }: { min?: number; max?: number } = {},
) {
  return z.preprocess(
    (value, context) => (Array.isArray(value) ? judged(value, value.length, max, context) : value),
    z.array(item).min(min).max(max),
  );
}

/** The same for an object with fields of any name. */
export function recordOf<Value extends z.ZodType>(value: Value) {
  return z.preprocess(
    (given, context) =>
      typeof given === "object" && given !== null
        ? judged(given, Object.keys(given).length, limits.requestItems, context)
        : given,
    z.record(z.string(), value),
  );
}

function judged(value: object, size: number, max: number, context: z.core.$RefinementCtx): unknown {
  if (size <= max) return value;
  context.addIssue({ code: "custom", message: `expected at most ${max}, found ${size}` });
  return z.NEVER;
}
