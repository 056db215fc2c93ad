import { HoldfastError } from "@holdfast/core";
import { SdkHttpError } from "@modelcontextprotocol/client";

/** Why a server is away, as a phrase behind its name. Never quotes what may hold a header. */
export function reasonOf(error: unknown): string {
  if (error instanceof HoldfastError) return `cannot be used: ${error.message}`;
  if (error instanceof SdkHttpError) return `answered HTTP ${error.status}`;
  if (!(error instanceof Error)) return "cannot be used";
  const cause = error.cause;
  if (typeof cause === "object" && cause !== null && "code" in cause) {
    return `cannot be reached (${String(cause.code)})`;
  }
  return `cannot be used: ${error.message.slice(0, 300)}`;
}
