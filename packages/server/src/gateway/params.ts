import { z } from "zod";
import { faultsOf } from "./frames.ts";
import { gatewayLimits } from "./limits.ts";
import { invalidRequest } from "./protocol.ts";

/** Parameters that several methods have. Fields that are not named are let through and change nothing. */
export const sessionKeyText = z.string().min(1).max(gatewayLimits.sessionKeyChars);
export const agentIdText = z.string().max(200).optional();
export const runIdText = z.string().min(1).max(gatewayLimits.idChars);

/** Errors: `INVALID_REQUEST`, naming what is wrong. */
export function readParams<T>(method: string, schema: z.ZodType<T>, params: unknown): T {
  const parsed = schema.safeParse(params ?? {});
  if (parsed.success) return parsed.data;
  throw invalidRequest(`invalid ${method} params: ${faultsOf(parsed.error)}`);
}
