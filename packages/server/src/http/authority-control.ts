import type { Authority } from "@holdfast/security";

/** The change of the cluster's certificate authority, at a store node. */
export interface AuthorityControl {
  readonly authority: Pick<Authority, "state" | "begin" | "sign" | "retire" | "rollback">;
  /**
   * The authority's generation that each node says it has taken over: it trusts what that one trusts, and
   * its certificates are of the key that signs there. Errors: `engine_unavailable`.
   */
  confirmations(): Promise<readonly AuthorityConfirmation[]>;
}

export interface AuthorityConfirmation {
  readonly node: string;
  readonly generation: number;
}
