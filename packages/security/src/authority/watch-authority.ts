import { clusterBucket, HoldfastError, type KeyValue, type Watch } from "@holdfast/core";
import { type AuthorityState, decodeState } from "./authority-state.ts";
import { authorityKey } from "./open-authority.ts";

/**
 * Follows the public part of the authority; every node may. `onChange` is called with the state that
 * stands and then with each newer one; the generation only rises. What cannot be read goes to `onFault`,
 * and the state before stays the one to trust. Neither may throw. Errors: those of KeyValue.
 */
export function watchAuthority(
  keyValue: KeyValue,
  onChange: (state: AuthorityState) => void,
  onFault: (error: HoldfastError) => void,
): Promise<Watch> {
  let seen = 0;
  return keyValue.watch(clusterBucket, authorityKey, ({ key, value }) => {
    if (key !== authorityKey) return;
    const state = readState(value);
    if (state instanceof HoldfastError) onFault(state);
    else if (state.generation > seen) {
      seen = state.generation;
      onChange(state);
    }
  });
}

function readState(value: Uint8Array | undefined): AuthorityState | HoldfastError {
  if (!value) return new HoldfastError("data_corrupt", "The cluster's authority was deleted.");
  try {
    return decodeState(value);
  } catch (thrown) {
    if (thrown instanceof HoldfastError) return thrown;
    throw thrown;
  }
}
