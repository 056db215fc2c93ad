import type { IncomingMessage, ServerResponse } from "node:http";

/** A request to the fake node, its body read. */
export interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: unknown;
}

/** Undefined when the route answers the response itself, or is not its own. */
export type Outcome = { readonly status: number; readonly body?: unknown } | undefined;
