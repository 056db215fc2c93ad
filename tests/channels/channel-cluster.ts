import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "node:https";
import { DevProcess, type DevFile } from "../e2e/dev-process.ts";

/** A node that lives answers sooner, if only that it cannot. */
const requestTimeoutMs = 30_000;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** All of it is absent when the API answered with an error. */
export interface AccountState {
  readonly status?: string;
  readonly detail?: string;
  readonly node?: string;
}

/** Three nodes as real processes, which have the secrets of the accounts in their environment. */
export class ChannelCluster {
  readonly folder: string;
  readonly file: DevFile;
  readonly ca: string;
  readonly #dev: DevProcess;
  readonly #killed = new Set<string>();
  readonly #onKill = new Set<() => void>();

  private constructor(folder: string, dev: DevProcess, file: DevFile) {
    this.folder = folder;
    this.#dev = dev;
    this.file = file;
    this.ca = readFileSync(file.ca, "utf8");
  }

  static async start(env: Record<string, string>, nodes = 3): Promise<ChannelCluster> {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-channels-"));
    const quiet = { HOLDFAST_LOG_LEVEL: "warn", HOLDFAST_PARTITIONS: "8" };
    const dev = new DevProcess(folder, ["--nodes", String(nodes)], { ...quiet, ...env });
    return new ChannelCluster(folder, dev, await dev.ready());
  }

  /** The addresses of an account on the nodes that live. */
  webhooks(account: string): string[] {
    return this.#alive().map(({ url }) => `${url}/channels/acme/${account}`);
  }

  /** Calls `listen` when a node was killed; the result ends it. */
  onKill(listen: () => void): () => void {
    this.#onKill.add(listen);
    return () => void this.#onKill.delete(listen);
  }

  /** Asks the first living node. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const [node] = this.#alive();
    return this.#request(`${node?.url}${path}`, method, body);
  }

  async apply(resources: readonly object[]): Promise<void> {
    const { status, body } = await this.call("POST", "/api/v1/apply", { resources });
    if (status !== 200) throw new Error(`apply answered ${status}: ${JSON.stringify(body)}`);
  }

  async state(account: string): Promise<AccountState> {
    const { body } = await this.call("GET", `/api/v1/orgs/acme/accounts/${account}/state`);
    return body as AccountState;
  }

  /** Resolves with the account's owner when that says that its connection is up. */
  async untilConnected(account: string, patienceMs: number): Promise<string> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { status, detail, node } = await this.state(account);
      if (status === "connected" && node !== undefined) return node;
      if (performance.now() > deadline) throw new Error(`${account} is ${status}: ${detail}`);
      // The API tells states and no changes of them.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends a node and its engine at once, as a power cut would. */
  kill(name: string): void {
    const node = this.file.nodes.find((each) => each.name === name);
    if (!node) throw new Error(`no node ${name}`);
    process.kill(node.pid, "SIGKILL");
    if (node.natsPid !== null) process.kill(node.natsPid, "SIGKILL");
    this.#killed.add(name);
    for (const listen of this.#onKill) listen();
  }

  async close(): Promise<void> {
    await this.#dev.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** The last lines that a node logged. */
  log(name: string, chars = 4_000): string {
    return readFileSync(join(this.folder, `${name}.log`), "utf8").slice(-chars);
  }

  #alive() {
    return this.file.nodes.filter(({ name }) => !this.#killed.has(name));
  }

  #request(url: string, method: string, body: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        url,
        {
          method,
          ca: this.ca,
          signal: AbortSignal.timeout(requestTimeoutMs),
          headers: {
            authorization: `Bearer ${this.file.token}`,
            ...(text !== undefined && { "content-type": "application/json" }),
          },
        },
        (response) => {
          let received = "";
          response.setEncoding("utf8").on("data", (piece: string) => {
            received += piece;
          });
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              body: received === "" ? undefined : JSON.parse(received),
            }),
          );
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }
}
