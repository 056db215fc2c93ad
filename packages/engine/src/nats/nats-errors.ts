import { HoldfastError } from "@holdfast/core";
import { errors } from "@nats-io/transport-node";

/** Answer of the engine's API to a write: a place in the stream, or an error. */
export interface ApiAnswer {
  readonly seq?: number;
  readonly error?: {
    readonly code: number;
    readonly err_code?: number;
    readonly description: string;
  };
}

// Codes of nats-server's errors.json.
const wrongLastSequence = new Set([10071, 10164]);
const outOfStorage = new Set([10023, 10028, 10047, 10077]);
const messageTooLarge = 10054;
const onlyOneReplica = 10074;

/** An error that the engine answered: nothing was stored. */
export function answeredError(error: NonNullable<ApiAnswer["error"]>, what: string): HoldfastError {
  const { code, err_code = 0, description } = error;
  if (wrongLastSequence.has(err_code)) {
    return new HoldfastError("wrong_last_sequence", `${what}: ${description}.`);
  }
  if (err_code === messageTooLarge) {
    return new HoldfastError("payload_too_large", `${what}: ${description}.`);
  }
  if (err_code === onlyOneReplica) {
    const remedy = "It runs alone and keeps one copy: expected HOLDFAST_ENGINE_REPLICAS=1.";
    return new HoldfastError("invalid_configuration", `${what}: ${description}. ${remedy}`);
  }
  if (outOfStorage.has(err_code) || /no space left/i.test(description)) {
    return new HoldfastError("storage_full", `${what}: ${description}.`, { retryAfterMs: 5_000 });
  }
  return unavailable(`${what}: ${description} (${code}/${err_code}).`);
}

/** What the user of this connection may not do; undefined when it is something else. */
export function forbiddenError(thrown: unknown, what: string): HoldfastError | undefined {
  const inner = thrown instanceof Error && thrown.cause ? thrown.cause : thrown;
  for (const each of [thrown, inner]) {
    if (each instanceof errors.PermissionViolationError) {
      return new HoldfastError("engine_forbidden", `${what}: ${each.message}`, { cause: thrown });
    }
  }
  return undefined;
}

/** An error of a request that got no answer. A write may have been stored, unless nobody listened. */
export function unansweredError(thrown: unknown, what: string): HoldfastError {
  const forbidden = forbiddenError(thrown, what);
  if (forbidden) return forbidden;
  const isCertain =
    thrown instanceof errors.NoRespondersError ||
    (thrown instanceof errors.RequestError && thrown.isNoResponders()) ||
    thrown instanceof errors.ClosedConnectionError ||
    thrown instanceof errors.DrainingConnectionError;
  if (isCertain) return unavailable(`${what}: no engine answers.`, thrown);
  return new HoldfastError("append_outcome_unknown", `${what}: the engine did not confirm it.`, {
    retryAfterMs: 1_000,
    cause: thrown,
  });
}

export function unavailable(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("engine_unavailable", message, { retryAfterMs: 1_000, cause });
}
