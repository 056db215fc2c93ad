import { HoldfastError } from "@holdfast/core";
import {
  certificateFingerprint,
  checkIssued,
  isProvenAnswer,
  type JoinToken,
} from "@holdfast/security";
import type { LeafRequests } from "./cluster-home.ts";
import { provenText } from "./join-proof.ts";
import type { JoinAnswer, JoinRequest } from "./join-protocol.ts";

/** An answer as it came; `whole` has also the fields that this version does not know. */
export interface HeardAnswer {
  readonly answer: JoinAnswer;
  readonly whole: object;
  readonly request: JoinRequest;
}

/**
 * Whether an answer to a join can be believed before anything of it is written. That its sender is a node
 * of the cluster is not enough: any node could name an authority of its own. Errors: `certificate_invalid`.
 */
export function checkJoinAnswer(
  { answer, whole, request }: HeardAnswer,
  token: JoinToken,
  keys: LeafRequests,
): void {
  const mac = request.proof?.mac ?? "";
  if (!isProvenAnswer(token, mac, provenText(whole), answer.proof ?? "")) {
    throw wrong("The answer is not of a store node that knows the join token.");
  }
  const trusted = answer.bundle.map((pem) => certificateFingerprint(pem));
  if (!trusted.includes(token.fingerprint)) {
    throw wrong("The answer does not trust the authority that the join token names.");
  }
  checkCertificates(answer, request.node, keys, trusted);
}

/** Whether every certificate of an answer is this node's, of a trusted authority. Errors: as above. */
export function checkCertificates(
  { cluster, role, certificates, reserve, authority }: JoinAnswer,
  node: string,
  keys: LeafRequests,
  trusted: readonly string[],
): void {
  const kinds = role === "store" ? (["node", "engine", "operator"] as const) : (["node"] as const);
  for (const kind of kinds) {
    for (const issued of reserve ? [certificates, reserve] : [certificates]) {
      const identity = {
        certificatePem: issued[kind] ?? "",
        authorityPem: authority,
        privateKeyPem: keys[kind].privateKeyPem,
      };
      checkIssued(identity, trusted, { kind, cluster, node });
    }
  }
}

function wrong(message: string): HoldfastError {
  return new HoldfastError("certificate_invalid", message);
}
