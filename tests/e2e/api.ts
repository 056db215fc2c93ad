import type { NodeProcess } from "./node-process.ts";

export interface ApiMessage {
  readonly index: number;
  readonly id: string;
  readonly role: string;
  readonly text: string;
}

/** The API as a client in another language would use it. */
export function apiOf({ url, token }: Pick<NodeProcess, "url" | "token">) {
  const call = (method: string, path: string, body?: unknown, headers = {}) =>
    raw(method, path, body === undefined ? undefined : JSON.stringify(body), headers);
  /** As `call`, with a body that need not be JSON. */
  async function raw(
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers = {},
  ) {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? JSON.parse(text) : undefined,
    };
  }
  const conversation = (agent: string, id: string) =>
    `/api/v1/orgs/${agent.replace("/", "/agents/")}/conversations/${id}/messages`;
  return {
    call,
    raw,
    apply: (resources: readonly object[]) => call("POST", "/api/v1/apply", { resources }),
    /** Accepts, and does not wait for the answer. */
    submit: (agent: string, id: string, text: string, key: string) =>
      call("POST", conversation(agent, id), { text }, { "idempotency-key": key }),
    /** Waits for the answer. */
    ask: (agent: string, id: string, text: string, key: string) =>
      call(
        "POST",
        conversation(agent, id),
        { text },
        { "idempotency-key": key, prefer: "wait=60" },
      ),
    async history(agent: string, id: string): Promise<ApiMessage[]> {
      const all: ApiMessage[] = [];
      for (;;) {
        const after = all.at(-1)?.index ?? -1;
        const { body, status } = await call(
          "GET",
          `${conversation(agent, id)}?after=${after}&limit=100`,
        );
        if (status !== 200) throw new Error(`history answered ${status}: ${JSON.stringify(body)}`);
        all.push(...body.messages);
        if (body.messages.length === 0 || all.at(-1)?.index === body.newest) return all;
      }
    },
  };
}

export type Api = ReturnType<typeof apiOf>;
