import type { Clock, KeyValue, Random } from "@holdfast/core";
import {
  type Authority,
  createAuthorityKey,
  createLeafRequest,
  issueCertificate,
  openAuthority,
} from "@holdfast/security";
import type { ClusterFile, ClusterHome, LeafRequests } from "./cluster-home.ts";
import { issueIdentity } from "./issue-identity.ts";

export interface Founding {
  readonly node: string;
  /** DNS names and addresses at which the node is reached. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** New keys, and the requests for their certificates. */
export async function createLeafRequests(): Promise<LeafRequests> {
  const [node, engine, operator] = await Promise.all([
    createLeafRequest(),
    createLeafRequest(),
    createLeafRequest(),
  ]);
  return { node, engine, operator };
}

/**
 * Makes the first node of a cluster: its authority, its certificates, and the cluster's id. The engine
 * needs certificates before there is a bucket to keep the authority's key in, so the key stays in the
 * home until `settleAuthority`. A crash in between leaves a home that founds again. Errors: those of
 * `ClusterHome`.
 */
export async function foundCluster(home: ClusterHome, founding: Founding): Promise<ClusterFile> {
  const { node, hosts, clock, random } = founding;
  const cluster = `hf-${random.token(16)}`;
  const key = await createAuthorityKey(cluster, clock);
  const requests = await createLeafRequests();
  const signer: Pick<Authority, "issue"> = {
    issue: async ({ csrPem, subject, lifetimeMs }) => ({
      certificatePem: await issueCertificate(key, csrPem, subject, clock, lifetimeMs),
      authorityPem: key.certificatePem,
      bundle: [key.certificatePem],
      generation: 1,
    }),
  };
  const identity = await issueIdentity(signer, {
    cluster,
    node,
    role: "store",
    hosts,
    requests: textsOf(requests),
  });
  home.writeAuthority(key);
  home.writeIdentity({ requests, ...identity });
  const file: ClusterFile = {
    cluster,
    node,
    role: "store",
    isFounder: true,
    engines: [],
    urls: [],
  };
  home.writeCluster(file);
  return file;
}

/**
 * The cluster's authority on a store node whose engine runs. The founder's first key goes from its home
 * into the engine, and is removed from the home when it stands there. Errors: those of `openAuthority`
 * and `ClusterHome`.
 */
export async function settleAuthority(
  home: ClusterHome,
  dependencies: { keyValue: KeyValue; clock: Clock; random: Random; cluster?: string },
): Promise<Authority> {
  const initial = home.readAuthority();
  const authority = await openAuthority({ ...dependencies, ...(initial && { initial }) });
  if (initial) home.removeAuthority();
  return authority;
}

export function textsOf({ node, engine, operator }: LeafRequests) {
  return { node: node.csrPem, engine: engine.csrPem, operator: operator.csrPem };
}
