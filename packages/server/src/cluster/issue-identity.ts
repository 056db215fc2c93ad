import { HoldfastError, limits, type NodeRole } from "@holdfast/core";
import type { Authority, CertificateKind, IssuedCertificate } from "@holdfast/security";
import type { IssuedIdentity } from "./identity.ts";

export interface IdentitySubject {
  readonly cluster: string;
  readonly node: string;
  readonly role: NodeRole;
  /** DNS names and addresses at which the node is reached. */
  readonly hosts: readonly string[];
  /** PEM texts of the requests for certificates. */
  readonly requests: Readonly<Record<CertificateKind, string>>;
}

const kinds = ["node", "engine", "operator"] as const;

/**
 * Every certificate that a node of its role has, of one authority. A store node also gets certificates
 * for the start after all nodes were off: the authority stands in the engine, and the engine starts with
 * certificates only. Whoever can read them in its home can read the authority there too. Errors: those
 * of `Authority.issue`.
 */
export async function issueIdentity(
  authority: Pick<Authority, "issue">,
  subject: IdentitySubject,
): Promise<IssuedIdentity> {
  // The signing authority may change between two certificates; then all are made again.
  for (let tries = 1; tries <= limits.authorityChangeAttempts; tries += 1) {
    const issued = await issueAll(authority, subject);
    const [first] = issued.all;
    if (first && issued.all.every(({ authorityPem }) => authorityPem === first.authorityPem)) {
      return {
        certificates: issued.certificates,
        ...(issued.reserve && { reserve: issued.reserve }),
        authority: first.authorityPem,
        bundle: [...first.bundle],
        generation: first.generation,
      };
    }
  }
  throw new HoldfastError("engine_unavailable", "The cluster's authority changes all the time.");
}

async function issueAll(authority: Pick<Authority, "issue">, subject: IdentitySubject) {
  const { cluster, node, hosts, requests } = subject;
  const all: IssuedCertificate[] = [];
  const issue = async (kind: CertificateKind, lifetimeMs?: number): Promise<string> => {
    const issued = await authority.issue({
      csrPem: requests[kind],
      subject: { kind, cluster, node, hosts },
      ...(lifetimeMs !== undefined && { lifetimeMs }),
    });
    all.push(issued);
    return issued.certificatePem;
  };
  if (subject.role === "compute") return { all, certificates: { node: await issue("node") } };
  const set = async (lifetimeMs?: number) => {
    const [nodePem, engine, operator] = await Promise.all(
      kinds.map((kind) => issue(kind, lifetimeMs)),
    );
    return { node: nodePem ?? "", engine: engine ?? "", operator: operator ?? "" };
  };
  const certificates = await set();
  return { all, certificates, reserve: await set(limits.reserveCertificateLifetimeMs) };
}
