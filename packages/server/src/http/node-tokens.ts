import { HoldfastError } from "@holdfast/core";
import type { TokenRecord, Tokens } from "@holdfast/security";
import type { FastifyRequest } from "fastify";
import { callerOf } from "./access.ts";

/** The name of the administrator's token that a store node makes for its own machine. */
export function nodeTokenName(node: string): string {
  return `admin of node ${node}`;
}

/** A node's machine must not keep the key to the cluster that it left. Errors: those of `revoke`. */
export async function endNodeTokens(tokens: Tokens, nodes: readonly string[]): Promise<void> {
  for (const { id } of tokens.list(null).filter((record) => isOf(record, nodes))) {
    await tokens.revoke(null, id);
  }
}

/** Who takes a node out with that node's token would be left without one. Errors: `token_of_node`. */
export function refuseTokenOf(nodes: readonly string[], request: FastifyRequest): void {
  const caller = callerOf(request);
  if (caller.organization !== null || !isOf(caller, nodes)) return;
  const problem = `The request's token is the ${caller.name}, and it ends with the node: use another.`;
  throw new HoldfastError("token_of_node", problem);
}

function isOf({ name }: TokenRecord, nodes: readonly string[]): boolean {
  return nodes.some((node) => name === nodeTokenName(node));
}
