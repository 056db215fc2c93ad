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
      const reply = await http.call({
        method: "GET",
        path: "/readyz",
        repeat: "doubles",
        signal: options.signal,
        alsoOk: 503,
      });
      const { ready = false, checks = [] } = (reply.body ?? {}) as Partial<Readiness>;
      return { ready, checks };
    },
  };
}

function scope(organization: string | undefined): string {
  return organization === undefined
    ? "/api/v1"
    : `/api/v1/orgs/${encodeURIComponent(organization)}`;
}
