import {
  type Clock,
  clusterBucket,
  decodeJson,
  encodeJson,
  HoldfastError,
  type KeyValue,
  limits,
  type NodeId,
  nodeKey,
  type NodeRecord,
  type NodeRole,
  toHoldfastError,
} from "@holdfast/core";
import {
  type Authority,
  checkCertifiable,
  type JoinProof,
  type JoinTokens,
  requestedKeyHash,
} from "@holdfast/security";
import { engineAddresses, storeUrls } from "./addresses.ts";
import { issueIdentity } from "./issue-identity.ts";
import {
  checkClock,
  checkCluster,
  checkHosts,
  checkName,
  checkVersion,
  chooseRole,
  membersAt,
} from "./join-checks.ts";
import { claimOf, provenText } from "./join-proof.ts";
import type { JoinAnswer, JoinRequest } from "./join-protocol.ts";

export interface JoinServiceOptions {
  readonly cluster: string;
  readonly version: string;
  readonly partitions: number;
  readonly keyValue: KeyValue;
  readonly authority: Authority;
  readonly tokens: JoinTokens;
  readonly clock: Clock;
  /** Makes this node's engine ready for the new one before it is told that it may come. */
  readonly prepare: (record: NodeRecord) => Promise<void>;
  /** Whether a member is silent: what it did, another may do. */
  readonly isSilent: (record: NodeRecord) => boolean;
  readonly say: (text: string) => void;
}

interface Found {
  readonly record: NodeRecord;
  readonly revision: number;
}

/** Lets nodes in; on store nodes. */
export class JoinService {
  readonly #options: JoinServiceOptions;
  /** Who has a token comes one after the other, so that two do not become the third store node. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: JoinServiceOptions) {
    this.#options = options;
  }

  /**
   * Whoever has no token and no keys of a member is told nothing, and nothing is used up before
   * everything was checked. A node whose answer was lost asks again with the same token and keys; a
   * member without a token gets certificates for the keys and hosts it joined with, and nothing else.
   * Errors: `cluster_mismatch`, `version_mismatch`, `clock_skew`, `node_name_taken`, those of
   * `JoinTokens.redeem` and `Authority.issue`.
   */
  async join(request: JoinRequest): Promise<JoinAnswer> {
    checkCluster(request.cluster, this.#options.cluster);
    if (!request.proof) return this.#renew(request);
    const proof = { ...request.proof, message: provenText(request) };
    const known = await this.#options.tokens.authenticate(proof);
    await this.#check(request);
    const letIn = this.#last.then(() => this.#letIn(request, proof, known.role));
    this.#last = letIn.catch(() => undefined);
    const answer = await letIn;
    return { ...answer, proof: known.prove(provenText(answer)) };
  }

  async #letIn(
    request: JoinRequest,
    proof: JoinProof,
    allowed: NodeRole | undefined,
  ): Promise<JoinAnswer> {
    const { tokens, isSilent, say, prepare } = this.#options;
    const { node, requests } = request;
    const found = await this.#find(node as NodeId);
    const others = (await this.#all()).filter((each) => each.node !== node);
    const living = others.filter((each) => !isSilent(each));
    // Who joins again keeps its role: its data folder is made for it.
    const role = chooseRole(request.role ?? found?.record.role, allowed, living);
    const claim = claimOf(node, role, requests);
    checkName(node, found?.record, claim);
    await tokens.redeem(proof, { role, claim });
    const record = await this.#write(request, role, claim, found);
    const shared = membersAt(request.hosts, others).map((each) => each.node);
    const beside = shared.length > 0 ? `, at an address of ${shared.join(", ")}` : "";
    say(`node ${node} joins as ${role} node (${record.url})${beside}`);
    await prepare(record);
    return this.#answer(request, role);
  }

  async #renew(request: JoinRequest): Promise<JoinAnswer> {
    const { node, requests, hosts } = request;
    const record = (await this.#find(node as NodeId))?.record;
    const isKnown = record?.claim === (record && claimOf(node, record.role, requests));
    if (!record || !isKnown || record.state === "removed") {
      const problem = `The cluster has no node ${node} with these keys: join with a token.`;
      throw new HoldfastError("join_token_invalid", problem);
    }
    await this.#check(request);
    checkHosts(hosts, record);
    return this.#answer(request, record.role);
  }

  /** What is wrong with a request, whatever else is known of the node. */
  async #check({ node, version, now, hosts, requests }: JoinRequest): Promise<void> {
    const { cluster, clock } = this.#options;
    checkVersion(version, this.#options.version);
    checkClock(node, now, clock.now());
    for (const kind of ["node", "engine", "operator"] as const) {
      await checkCertifiable(requests[kind], { kind, cluster, node, hosts });
    }
  }

  async #write(
    request: JoinRequest,
    role: NodeRole,
    claim: string,
    found: Found | undefined,
  ): Promise<NodeRecord> {
    const { node, url, version, zone, labels, capacity, engine, hosts, requests } = request;
    const { keyValue, clock } = this.#options;
    const engineKey = role === "store" && (await requestedKeyHash(requests.engine));
    // What was done to a member meanwhile, as a drain, stays.
    const recordOver = (seen: Found | undefined): NodeRecord => ({
      node: node as NodeId,
      role,
      state: seen?.record.state ?? "active",
      url,
      version,
      zone,
      labels,
      capacity,
      ...(engineKey !== false && { engine, engineKey }),
      joinedAt: seen?.record.joinedAt ?? clock.now(),
      claim,
      hosts,
    });
    for (let seen = found, tries = 1; ; tries += 1) {
      const record = recordOver(seen);
      try {
        const key = nodeKey(record.node);
        await keyValue.update(clusterBucket, key, encodeJson(record), seen?.revision ?? 0);
        return record;
      } catch (thrown) {
        const { code } = toHoldfastError(thrown);
        const mayRepeat = code === "revision_conflict" || code === "append_outcome_unknown";
        if (!mayRepeat || tries >= limits.clusterWriteAttempts) throw thrown;
        seen = await this.#find(record.node);
        checkName(node, seen?.record, claim);
      }
    }
  }

  async #answer(request: JoinRequest, role: NodeRole): Promise<JoinAnswer> {
    const { cluster, version, partitions, authority } = this.#options;
    const { node, hosts, requests } = request;
    const identity = await issueIdentity(authority, { cluster, node, role, hosts, requests });
    const others = (await this.#all()).filter((record) => record.node !== node);
    return {
      cluster,
      role,
      partitions,
      version,
      ...identity,
      engines: [...engineAddresses(others)],
      urls: storeUrls(others),
    };
  }

  async #find(node: NodeId): Promise<Found | undefined> {
    const entry = await this.#options.keyValue.get(clusterBucket, nodeKey(node));
    return entry && { record: decodeJson(entry.value, entry.key), revision: entry.revision };
  }

  async #all(): Promise<NodeRecord[]> {
    const records: NodeRecord[] = [];
    for await (const { key, value } of this.#options.keyValue.list(clusterBucket, "node")) {
      records.push(decodeJson(value, key));
    }
    return records;
  }
}
