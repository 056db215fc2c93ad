import { errorCatalog, type HoldfastError } from "@holdfast/core";
import { commandLimits } from "../limits.ts";
import { oneLine } from "./printable.ts";
import { printLine, type Stream, styled } from "./terminal.ts";

/** Prints an error for people: what is wrong, where, and what to do about it. */
export function reportError(stream: Stream, error: HoldfastError): void {
  const head = styled(stream, "red", `error[${error.code}]:`);
  printLine(stream, `${head} ${oneLine(error.message)}`);
  for (const { path, message } of error.details.slice(0, commandLimits.faultsShown)) {
    printLine(stream, `  ${oneLine(path === "" ? message : `${path}: ${message}`)}`);
  }
  const more = error.details.length - commandLimits.faultsShown;
  if (more > 0) printLine(stream, `  … and ${more} more`);
  const wait =
    error.retryAfterMs === undefined
      ? ""
      : ` Try again in ${Math.max(1, Math.ceil(error.retryAfterMs / 1_000))} s.`;
  printLine(stream, `  ${errorCatalog[error.code].remedy}${wait}`);
}

/** The error for programs, in the shape of the API's. */
export function errorJson(error: HoldfastError): object {
  const { code, message, details, retry, retryAfterMs } = error;
  return {
    error: {
      code,
      message,
      details,
      retry,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  };
}
