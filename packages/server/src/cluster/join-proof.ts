import { hash } from "node:crypto";
import type { NodeRole } from "@holdfast/core";
import type { JoinRequest } from "./join-protocol.ts";

/**
 * What a member is known by when it asks again, and what a join token was used for: the hash of its name,
 * its role and all its requests for certificates. Hex.
 */
export function claimOf(node: string, role: NodeRole, requests: JoinRequest["requests"]): string {
  const texts = [requests.node, requests.engine, requests.operator].map((pem) => pem.trim());
  return hash("sha256", JSON.stringify(["holdfast member 1", node, role, ...texts]), "hex");
}

/** The text that a proof of a request or an answer is made of: all its fields but the proof. */
export function provenText(message: object): string {
  return canonical({ ...message, proof: undefined });
}

/** JSON with sorted names: both sides write the same, whatever order the fields came in. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join(",")}}`;
}
