import { HoldfastError, namePattern } from "@holdfast/core";

/**
 * What a certificate is for: `node` speaks for a node at engines and serves the API, `engine` is a
 * nats-server towards clients and other engines, `operator` administers the engine as a store node.
 */
export type CertificateKind = "node" | "engine" | "operator";

/** Who a certificate speaks for: the parts of its SPIFFE id. */
export interface CertificateIdentity {
  readonly kind: CertificateKind;
  /** The trust domain. */
  readonly cluster: string;
  /** Absent for an engine: which one it is does not matter, as every engine holds every stream's traffic. */
  readonly node?: string;
}

/** `spiffe://CLUSTER/node/NAME`, `spiffe://CLUSTER/engine` or `spiffe://CLUSTER/operator/NAME`. */
export function spiffeId(identity: CertificateIdentity): string {
  const { kind, cluster, node } = identity;
  checkLabel(cluster, "a cluster");
  if (kind === "engine") return `spiffe://${cluster}/engine`;
  checkLabel(node ?? "", "a node");
  return `spiffe://${cluster}/${kind}/${node}`;
}

/** The reverse of `spiffeId`. Errors: `certificate_invalid`. */
export function parseSpiffeId(text: string): CertificateIdentity {
  const [, cluster = "", kind, node] =
    /^spiffe:\/\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(text) ?? [];
  if (namePattern.test(cluster)) {
    if (kind === "engine" && node === undefined) return { kind, cluster };
    if ((kind === "node" || kind === "operator") && namePattern.test(node ?? "")) {
      return { kind, cluster, node: node as string };
    }
  }
  throw invalidCertificate(`${JSON.stringify(text.slice(0, 200))} is no identity of a cluster.`);
}

export function invalidCertificate(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("certificate_invalid", message, { cause });
}

function checkLabel(text: string, what: string): void {
  if (namePattern.test(text)) return;
  throw invalidCertificate(`${JSON.stringify(text.slice(0, 80))} is no name of ${what}.`);
}
