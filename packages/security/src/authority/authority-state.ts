import { decodeJson, encodeJson, HoldfastError, invariant } from "@holdfast/core";
import type { AuthorityKey } from "../certificates/authority-key.ts";
import { certificateFingerprint } from "../certificates/read-certificate.ts";

/**
 * Where a change of the authority's key is.
 *
 * `stable`: one key. `distributing`: nodes learn to trust the new key, the old one signs. `signing`: the
 * new one signs, both are trusted. `reverting`: the old one signs again, both are still trusted, because
 * certificates of the abandoned key are about.
 */
export type AuthorityPhase = "stable" | "distributing" | "signing" | "reverting";
export type AuthorityStep = "begin" | "sign" | "retire" | "rollback";

/** The public part of the authority. Keys are named by the SHA-256 of their certificates' DER, in hex. */
export interface AuthorityState {
  readonly cluster: string;
  readonly phase: AuthorityPhase;
  /** The key that signs. */
  readonly active: string;
  /** The key that will sign; only while `distributing`. */
  readonly next?: string;
  /** The key that signed before and is still trusted; only while `signing` or `reverting`. */
  readonly previous?: string;
  /** Rises by one with every change. */
  readonly generation: number;
  /** PEMs of the authorities that are trusted now, the signing one first. */
  readonly bundle: readonly string[];
}

type PublicKey = Pick<AuthorityKey, "certificatePem" | "fingerprint">;

const allowedSteps: Readonly<Record<AuthorityPhase, readonly AuthorityStep[]>> = {
  stable: ["begin"],
  distributing: ["sign", "rollback"],
  signing: ["retire", "rollback"],
  reverting: ["retire"],
};

export function firstState(cluster: string, key: PublicKey): AuthorityState {
  const { fingerprint: active, certificatePem } = key;
  return { cluster, phase: "stable", active, generation: 1, bundle: [certificatePem] };
}

/** Errors: `authority_phase`. */
export function checkStep({ phase }: AuthorityState, step: AuthorityStep): void {
  const allowed = allowedSteps[phase];
  if (allowed.includes(step)) return;
  throw new HoldfastError(
    "authority_phase",
    `The authority is ${phase}: it can ${allowed.join(" or ")} now, not ${step}.`,
  );
}

/** The state after a step. `fresh` is the new key of `begin`. Errors: `authority_phase`. */
export function afterStep(
  state: AuthorityState,
  step: AuthorityStep,
  fresh?: PublicKey,
): AuthorityState {
  checkStep(state, step);
  const { cluster, active, bundle } = state;
  const generation = state.generation + 1;
  const [signing = "", other = ""] = bundle;
  if (step === "begin") {
    invariant(fresh !== undefined, "a rotation begins with a new key");
    const { fingerprint: next, certificatePem } = fresh;
    return {
      cluster,
      phase: "distributing",
      active,
      next,
      generation,
      bundle: [signing, certificatePem],
    };
  }
  if (step === "retire" || (state.phase === "distributing" && step === "rollback")) {
    // Rolling back before the new key signed anything: nobody can hold a certificate of it.
    return { cluster, phase: "stable", active, generation, bundle: [signing] };
  }
  const successor = step === "sign" ? state.next : state.previous;
  invariant(successor !== undefined, "two keys are trusted in the middle of a rotation");
  return {
    cluster,
    phase: step === "sign" ? "signing" : "reverting",
    active: successor,
    previous: active,
    generation,
    bundle: [other, signing],
  };
}

/** `change` names the write, so that its writer can tell it from another's. */
export function encodeState(state: AuthorityState, change: string): Uint8Array {
  return encodeJson({ version: 1, ...state, change });
}

/** Errors: `data_corrupt`. */
export function decodeState(bytes: Uint8Array): AuthorityState {
  const stored = decodeJson<Partial<AuthorityState> & { version?: unknown }>(bytes, where);
  const { cluster, phase, active, next, previous, generation, bundle } = stored ?? {};
  const known = [active, next, previous].filter((key) => key !== undefined);
  const isSound =
    stored?.version === 1 &&
    typeof cluster === "string" &&
    typeof phase === "string" &&
    phase in allowedSteps &&
    Number.isSafeInteger(generation) &&
    Array.isArray(bundle) &&
    (next !== undefined) === (phase === "distributing") &&
    (previous !== undefined) === (phase === "signing" || phase === "reverting") &&
    fingerprints(bundle).join() === known.join();
  if (!isSound) throw new HoldfastError("data_corrupt", `${where} cannot be understood.`);
  return {
    cluster,
    phase,
    active: active as string,
    ...(next === undefined ? {} : { next }),
    ...(previous === undefined ? {} : { previous }),
    generation: generation as number,
    bundle,
  };
}

const where = "The key authority of the bucket cluster";

function fingerprints(bundle: readonly unknown[]): string[] {
  try {
    return bundle.map((pem) => certificateFingerprint(String(pem)));
  } catch (cause) {
    throw new HoldfastError("data_corrupt", `${where} holds what is no certificate.`, { cause });
  }
}
