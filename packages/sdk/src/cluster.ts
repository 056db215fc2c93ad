import type { NodeRole } from "@holdfast/core";
import type { Http } from "./http.ts";
import type { CallOptions } from "./types.ts";

export type { NodeRole };

/** A join token without its text. */
export interface JoinTokenInfo {
  readonly id: string;
  /** Absent when it lets in nodes of any role. */
  readonly role?: NodeRole;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly state: "open" | "used" | "expired";
}

/** The text stands in `token` this once. */
export interface CreatedJoinToken {
  readonly id: string;
  readonly role?: NodeRole;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly token: string;
}

/** Tokens that let nodes in; all of it needs an administrator's token. */
export interface ClusterCalls {
  /** A token that lets one node in, for ten minutes. */
  createJoinToken(options?: CallOptions & { readonly role?: NodeRole }): Promise<CreatedJoinToken>;
  /** Oldest first. */
  joinTokens(options?: CallOptions): Promise<readonly JoinTokenInfo[]>;
  /** Errors: `token_not_found`. */
  revokeJoinToken(id: string, options?: CallOptions): Promise<void>;
}

const path = "/api/v1/join-tokens";

export function clusterCalls(http: Http): ClusterCalls {
  return {
    async createJoinToken({ role, signal } = {}) {
      const body = role === undefined ? {} : { role };
      const call = { method: "POST", path, body, repeat: "doubles", signal } as const;
      return (await http.call(call)).body as CreatedJoinToken;
    },
    async joinTokens({ signal } = {}) {
      const reply = await http.call({ method: "GET", path, repeat: "harmless", signal });
      return (reply.body as { items: JoinTokenInfo[] }).items;
    },
    async revokeJoinToken(id, { signal } = {}) {
      const at = `${path}/${encodeURIComponent(id)}`;
      await http.call({ method: "DELETE", path: at, repeat: "visible", signal });
    },
  };
}
