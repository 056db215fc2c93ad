import type { Http } from "./http.ts";
import { pageQuery } from "./paging.ts";
import type {
  CallOptions,
  CreatedToken,
  DeadLetter,
  NewToken,
  Page,
  PageRange,
  Readiness,
  Sent,
  TokenInfo,
} from "./types.ts";
import { HoldfastError } from "@holdfast/core";

/** `organization` absent means all of the node's organizations, which needs the admin token. */
export interface AdministrationCalls {
  deadLetters(organization?: string, range?: PageRange & CallOptions): Promise<Page<DeadLetter>>;
  /** Submits the dead letter's message anew. Errors: `message_not_found`. */
  replayDeadLetter(
    id: string,
    organization?: string,
    options?: CallOptions,
  ): Promise<Omit<Sent, "key">>;
  /** Errors: `message_not_found`. */
  discardDeadLetter(id: string, organization?: string, options?: CallOptions): Promise<void>;
  tokens(organization?: string, range?: PageRange & CallOptions): Promise<Page<TokenInfo>>;
  createToken(token: NewToken, organization?: string, options?: CallOptions): Promise<CreatedToken>;
  revokeToken(id: string, organization?: string, options?: CallOptions): Promise<void>;
  /** Whether the node really processes messages. Errors: `node_unreachable`. */
  readiness(options?: CallOptions): Promise<Readiness>;
}

export function administrationCalls(http: Http): AdministrationCalls {
  const list = async (path: string, range: PageRange & CallOptions) => {
    const call = { method: "GET", repeat: "harmless", signal: range.signal } as const;
    return (await http.call({ ...call, path: path + pageQuery(range) })).body;
  };
  const change = async (
    method: "POST" | "DELETE",
    path: string,
    options: CallOptions,
    body?: unknown,
  ) => {
    // A replay or a new token must not happen twice because an answer was lost.
    const repeat = method === "DELETE" ? "visible" : "doubles";
    return (await http.call({ method, path, body, repeat, signal: options.signal })).body;
  };

  return {
    async deadLetters(organization, range = {}) {
      return (await list(`${scope(organization)}/dead-letters`, range)) as Page<DeadLetter>;
    },
    async replayDeadLetter(id, organization, options = {}) {
      const path = `${scope(organization)}/dead-letters/${encodeURIComponent(id)}/replay`;
      return (await change("POST", path, options)) as Omit<Sent, "key">;
    },
    async discardDeadLetter(id, organization, options = {}) {
      const path = `${scope(organization)}/dead-letters/${encodeURIComponent(id)}`;
      await change("DELETE", path, options);
    },
    async tokens(organization, range = {}) {
      return (await list(`${scope(organization)}/tokens`, range)) as Page<TokenInfo>;
    },
    async createToken(token, organization, options = {}) {
      const path = `${scope(organization)}/tokens`;
      return (await change("POST", path, options, token)) as CreatedToken;
    },
    async revokeToken(id, organization, options = {}) {
      const path = `${scope(organization)}/tokens/${encodeURIComponent(id)}`;
      await change("DELETE", path, options);
    },
    async readiness(options = {}) {
      try {
        const call = { method: "GET", path: "/readyz", repeat: "doubles" } as const;
        const reply = await http.call({ ...call, signal: options.signal });
        return { ready: true, report: reply.body };
      } catch (thrown) {
        if (!(thrown instanceof HoldfastError) || thrown.code === "node_unreachable") throw thrown;
        const { code, message, details } = thrown;
        return { ready: false, report: { code, message, details } };
      }
    },
  };
}

function scope(organization: string | undefined): string {
  return organization === undefined
    ? "/api/v1"
    : `/api/v1/orgs/${encodeURIComponent(organization)}`;
}
