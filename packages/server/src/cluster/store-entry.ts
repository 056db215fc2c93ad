import { HoldfastError } from "@holdfast/core";
import type { Authority, JoinTokens } from "@holdfast/security";
import type { StoreEntry } from "../http/cluster-entry.ts";
import type { JoinService } from "./join-service.ts";

export interface StoreEntryOptions {
  readonly cluster: string;
  readonly service: JoinService;
  readonly authority: Authority;
  readonly tokens: JoinTokens;
  /** False on an engine that somebody else runs: who may use it is a member, and nobody else becomes one. */
  readonly letsIn: boolean;
  /** The APIs of the store nodes, this one's first. */
  readonly urls: () => readonly string[];
}

/** What the API of a store node offers to nodes that join, and to who lets them. */
export function storeEntry(options: StoreEntryOptions): StoreEntry {
  const { cluster, service, authority, tokens, letsIn } = options;
  return {
    async join(request) {
      if (request.proof && !letsIn) {
        throw new HoldfastError("join_token_invalid", "Nobody joins this cluster by a token.");
      }
      return service.join(request);
    },
    tokens: () => tokens.list(),
    revokeToken: (id) => tokens.revoke(id),
    async createToken(role) {
      if (!letsIn) {
        const problem = "Somebody else runs this cluster's engine, and nobody joins by a token.";
        const remedy = "Start the new node with the same HOLDFAST_ENGINE.";
        throw new HoldfastError("invalid_configuration", `${problem} ${remedy}`);
      }
      // Only behind https can a node that joins tell this cluster from another.
      const urls = options.urls().filter((url) => url.startsWith("https://"));
      if (urls.length === 0) {
        const problem = "This node's API is plain HTTP, through which no other node can join.";
        throw new HoldfastError(
          "invalid_configuration",
          `${problem} Start it with HOLDFAST_TLS=on.`,
        );
      }
      const { active } = await authority.state();
      return tokens.create({ cluster, fingerprint: active, urls, ...(role && { role }) });
    },
  };
}
