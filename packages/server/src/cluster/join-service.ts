import { hash } from "node:crypto";
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
import { type Authority, type JoinTokens, parseJoinToken } from "@holdfast/security";
import { engineAddresses, storeUrls } from "./addresses.ts";
import { issueIdentity } from "./issue-identity.ts";
import { checkClock, checkCluster, checkName, checkVersion, chooseRole } from "./join-checks.ts";
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
  readonly isDead: (node: NodeId) => boolean;
  readonly say: (text: string) => void;
}

interface Found {
  readonly record: NodeRecord;
  readonly revision: number;
}

/** The SHA-256 of a node's request for its certificate: what it is known by when it asks again. */
export function claimOf(csrPem: string): string {
  return hash("sha256", csrPem.trim(), "hex");
}

/** Lets nodes in; on store nodes. One after the other, so that two do not become the third store node. */
export class JoinService {
  readonly #options: JoinServiceOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: JoinServiceOptions) {
    this.#options = options;
  }

  /**
   * Nothing is used up before everything was checked. A node whose answer was lost asks again with the
   * same token and keys; a member without a token gets certificates for the keys it joined with, and
   * nothing else. Errors: `cluster_mismatch`, `version_mismatch`, `clock_skew`, `node_name_taken`, those
   * of `JoinTokens.redeem` and `Authority.issue`.
   */
  join(request: JoinRequest): Promise<JoinAnswer> {
    const answer = this.#last.then(() => this.#join(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #join(request: JoinRequest): Promise<JoinAnswer> {
    const { cluster, version, clock } = this.#options;
    const { token } = request;
    if (token !== undefined) checkCluster(parseJoinToken(token).cluster, cluster);
    checkCluster(request.cluster, cluster);
    checkVersion(request.version, version);
    checkClock(request.node, request.now, clock.now());
    const claim = claimOf(request.requests.node);
    const found = await this.#find(request.node as NodeId);
    if (token === undefined) return this.#renew(request, found?.record, claim);
    const allowed = await this.#roleOf(token);
    checkName(request.node, found?.record, claim);
    const { isDead } = this.#options;
    const others = (await this.#all()).filter(({ node }) => node !== request.node && !isDead(node));
    // Who joins again keeps its role: its data folder is made for it.
    const role = chooseRole(request.role ?? found?.record.role, allowed, others);
    await this.#options.tokens.redeem(token, { role, claim });
    const record = await this.#write(request, role, claim, found);
    this.#options.say(`node ${record.node} joins as ${role} node (${record.url})`);
    await this.#options.prepare(record);
    return this.#answer(request, role);
  }

  async #renew(
    request: JoinRequest,
    record: NodeRecord | undefined,
    claim: string,
  ): Promise<JoinAnswer> {
    if (record?.claim === claim && record.state !== "removed") {
      return this.#answer(request, record.role);
    }
    const problem = `The cluster has no node ${request.node} with these keys: join with a token.`;
    throw new HoldfastError("join_token_invalid", problem);
  }

  /** The role that the token is bound to. Errors: `join_token_invalid`: whoever guesses learns no more. */
  async #roleOf(token: string): Promise<NodeRole | undefined> {
    const { id } = parseJoinToken(token);
    const known = (await this.#options.tokens.list()).find((each) => each.id === id);
    if (known) return known.role;
    throw new HoldfastError("join_token_invalid", "The join token is unknown or was revoked.");
  }

  async #write(
    request: JoinRequest,
    role: NodeRole,
    claim: string,
    found: Found | undefined,
  ): Promise<NodeRecord> {
    const { node, url, version, zone, labels, capacity, engine } = request;
    const { keyValue, clock } = this.#options;
    const record: NodeRecord = {
      node: node as NodeId,
      role,
      state: found?.record.state ?? "active",
      url,
      version,
      zone,
      labels,
      capacity,
      ...(role === "store" && { engine }),
      joinedAt: found?.record.joinedAt ?? clock.now(),
      claim,
    };
    for (let seen = found, tries = 1; ; tries += 1) {
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
