import { HoldfastError } from "@holdfast/core";

/** A parameter that would change what the answer means, and that no agent can honour. */
export interface Refusal {
  readonly param: string;
  /** True when the value asks for nothing. */
  readonly harmless: (value: unknown) => boolean;
  readonly reason: string;
}

/** Errors: `invalid_request`, naming every such parameter. */
export function refuseUnsupported(body: object, refusals: readonly Refusal[]): void {
  const details = refusals.flatMap(({ param, harmless, reason }) => {
    const value = (body as Record<string, unknown>)[param];
    const fine = value === undefined || value === null || harmless(value);
    return fine ? [] : [{ path: param, message: reason }];
  });
  if (details.length === 0) return;
  throw new HoldfastError("invalid_request", "A parameter is not supported.", { details });
}

export function never(): boolean {
  return false;
}

export function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export function only(...values: readonly unknown[]): (value: unknown) => boolean {
  return (value) => values.includes(value);
}
