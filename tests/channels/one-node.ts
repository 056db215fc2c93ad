import { Agent, request as httpRequest } from "node:http";
import { vi } from "vitest";
import type { FakePlatform } from "../../packages/testkit/src/platforms/index.ts";
import { type Api, apiOf } from "../e2e/api.ts";
import { type NodeProcess, TestHome } from "../e2e/node-process.ts";

export const organization = "acme";

/** Rates of fakes are divided by it, so that no test waits for them. */
export const speed = 1_000;
const quick = [{ count: 1_000, perMs: 1_000 }];

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The code of a refusal. */
  readonly code: string | undefined;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

interface Delivery {
  readonly id: string;
  readonly state: string;
  readonly isHeld?: true;
  readonly pieces: readonly { readonly state: string; readonly reason?: string }[];
}

interface FailedDelivery {
  readonly account: string;
  readonly chat: string;
  readonly conversation: string;
  readonly id: string;
  readonly reason: string;
}

/** A node as people run it, whose agent `echo` answers `echo: ` and what was said. */
export class OneNode {
  readonly api: Api;
  readonly #home: TestHome;
  readonly #node: NodeProcess;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(home: TestHome, node: NodeProcess) {
    this.#home = home;
    this.#node = node;
    this.api = apiOf(node);
  }

  /** `env` holds the secrets of the accounts. */
  static async start(env: Readonly<Record<string, string>>): Promise<OneNode> {
    const home = new TestHome();
    const node = await home.start({ HOLDFAST_GATEWAY_PORT: "off", ...env });
    const started = new OneNode(home, node);
    await started.apply([
      { kind: "Organization", name: organization },
      { kind: "Agent", organization, name: "echo", model: "demo/echo" },
    ]);
    return started;
  }

  async apply(resources: readonly object[]): Promise<void> {
    const { status, body } = await this.api.apply(resources);
    if (status !== 200) throw new Error(`apply answered ${status}: ${JSON.stringify(body)}`);
  }

  /** Declares an account that lets everybody in, and leads the fake's webhooks there. */
  async account(fake: FakePlatform, settings: object, more: object = {}): Promise<void> {
    const resource = accountOf(fake.kind, settings, more);
    await this.apply([resource]);
    fake.deliverTo([this.webhook(resource.name)]);
  }

  webhook(account: string): string {
    return `${this.#node.url}/channels/${organization}/${account}`;
  }

  /** What the process logged so far. */
  log(): string {
    return this.#node.output();
  }

  /** As a platform, or whoever says to be one, sends it: any method, any bytes. */
  send(account: string, { method = "POST", headers, body }: RawRequest = {}): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const bytes = Buffer.from(body ?? "");
      const sent = httpRequest(this.webhook(account), {
        method,
        agent: this.#agent,
        // Node tells no length of its own for methods that rarely have a body.
        headers: { ...headers, ...(body !== undefined && { "content-length": bytes.length }) },
      });
      sent.on("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text,
            code: codeIn(text),
          }),
        );
      });
      sent.on("error", reject);
      sent.end(bytes);
    });
  }

  async state(account: string): Promise<string> {
    const { body } = await this.api.call("GET", `${this.#accounts(account)}/state`);
    return body.status;
  }

  /** What the platform says of the account's credentials. */
  async check(
    account: string,
  ): Promise<{ ok: boolean; findings: readonly string[]; state: { status: string } }> {
    return (await this.api.call("POST", `${this.#accounts(account)}/check`)).body;
  }

  async pairings(account: string): Promise<{ pending: any[]; paired: any[] }> {
    return (await this.api.call("GET", `${this.#accounts(account)}/pairings`)).body;
  }

  approve(account: string, code: string) {
    return this.api.call("POST", `${this.#accounts(account)}/pairings`, { code });
  }

  async failures(account: string): Promise<readonly FailedDelivery[]> {
    const { body } = await this.api.call(
      "GET",
      `/api/v1/orgs/${organization}/failed-deliveries?limit=1000`,
    );
    return body.items.filter((each: FailedDelivery) => each.account === account);
  }

  async deliveries(conversation: string): Promise<readonly Delivery[]> {
    return (await this.api.call("GET", this.#deliveries(conversation))).body.items;
  }

  async change(conversation: string, delivery: string, action: "retry" | "discard") {
    const path = `${this.#deliveries(conversation)}/${encodeURIComponent(delivery)}`;
    return await this.api.call("POST", path, { action });
  }

  /** What people wrote in a conversation, as the agent read it; nothing where there is none. */
  async heard(conversation: string): Promise<readonly string[]> {
    const { status } = await this.api.call(
      "GET",
      `/api/v1/orgs/${organization}/agents/echo/conversations/${encodeURIComponent(conversation)}/messages`,
    );
    if (status === 404) return [];
    const all = await this.api.history(`${organization}/echo`, encodeURIComponent(conversation));
    return all.filter(({ role }) => role === "user").map(({ text }) => text);
  }

  close(): Promise<void> {
    this.#agent.destroy();
    return this.#home.remove();
  }

  #accounts(account: string): string {
    return `/api/v1/orgs/${organization}/accounts/${account}`;
  }

  #deliveries(conversation: string): string {
    return `/api/v1/orgs/${organization}/agents/echo/conversations/${encodeURIComponent(conversation)}/deliveries`;
  }
}

/** An account that is named after its channel and lets everybody in, unless `more` says otherwise. */
export function accountOf(channel: string, settings: object, more: object = {}) {
  return {
    kind: "Account",
    organization,
    name: channel,
    channel,
    settings,
    agent: "echo",
    access: { direct: "open", groups: "open", requireMention: false },
    rates: { account: quick, direct: quick, group: quick },
    ...more,
  };
}

const patienceMs = 30_000;

/** Resolves when the chat shows so many messages; tells them, and fails with them after a while. */
export function shows(fake: FakePlatform, chat: string, count: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const texts = () => fake.shown(chat).map(({ text }) => text);
    const end = () => {
      clearTimeout(timer);
      unlisten();
    };
    const look = () => {
      if (texts().length < count) return;
      end();
      resolve(texts());
    };
    const timer = setTimeout(() => {
      end();
      const seen = JSON.stringify(texts()).slice(0, 1_000);
      reject(new Error(`${fake.kind} chat ${chat} shows not ${count} messages but ${seen}`));
    }, patienceMs);
    const unlisten = fake.onShown(look);
    look();
  });
}

/** What is asked from the API, again until it is as expected. */
export function eventually(check: () => Promise<void> | void, timeout = patienceMs): Promise<void> {
  return vi.waitFor(check, { timeout, interval: 50 });
}

function codeIn(text: string): string | undefined {
  try {
    return JSON.parse(text).error?.code;
  } catch {
    return undefined;
  }
}
