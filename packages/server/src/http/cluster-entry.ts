import type { JoinTokenInfo } from "@holdfast/security";
import type { NodeRole } from "@holdfast/core";
import type { JoinAnswer, JoinRequest } from "../cluster/join-protocol.ts";

/** The door of the cluster, at this node. */
export interface ClusterEntry {
  /** Undefined on nodes that cannot let others in: they show the way to one that can. */
  readonly store: StoreEntry | undefined;
  /** The API of a store node that is not this one; undefined when none is known. */
  storeUrl(): string | undefined;
}

export interface StoreEntry {
  /** Errors: those of `JoinService.join`. */
  join(request: JoinRequest): Promise<JoinAnswer>;
  /** Errors: those of `JoinTokens.create`, `invalid_configuration` where the API has no TLS. */
  createToken(role: NodeRole | undefined): Promise<CreatedJoinToken>;
  /** Oldest first. */
  tokens(): Promise<readonly JoinTokenInfo[]>;
  /** Errors: `token_not_found`. */
  revokeToken(id: string): Promise<void>;
}

export interface CreatedJoinToken {
  readonly token: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}
