import { type LookupAddress, lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { HoldfastError } from "@holdfast/core";

/** Calls `done` once, with all addresses of a name. */
export type Resolve = (
  host: string,
  done: (error: Error | null, found: readonly LookupAddress[]) => void,
) => void;

/**
 * For `net.connect`: gives a name's addresses only when all of them are allowed. The socket connects to
 * exactly these, so that a name cannot answer differently between the check and the connection.
 */
export function checkedLookup(
  isAllowed: (address: string) => boolean,
  resolve: Resolve = systemResolve,
): LookupFunction {
  return (host, options, callback) => {
    resolve(host, (error, found) => {
      if (error !== null) return callback(error, "", 0);
      const [first] = found;
      if (first === undefined) return callback(new Error("The name has no address."), "", 0);
      if (!found.every((one) => isAllowed(one.address))) return callback(privateAddress(), "", 0);
      if (options.all === true) callback(null, [...found]);
      else callback(null, first.address, first.family);
    });
  };
}

export function privateAddress(): HoldfastError {
  return new HoldfastError("media_refused", "The file's address leads into a private network.");
}

const systemResolve: Resolve = (host, done) => {
  lookup(host, { all: true }, (error, found) => done(error, error === null ? found : []));
};
