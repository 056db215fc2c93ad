import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineAddress, HoldfastError } from "@holdfast/core";
import { connectEngine } from "../../nats/connect-engine.ts";
import type { NatsEngine } from "../../nats/nats-engine.ts";
import type { TlsCredentials } from "../../nats/tls.ts";
import { type EngineUser, inboxPrefixOf } from "../accounts.ts";
import { clientTls } from "../credentials.ts";
import { clientServers } from "../engine-plans.ts";
import { findNatsServer } from "../find-server.ts";
import {
  type ManagedEngine,
  type ManagedEngineOptions,
  startManagedEngine,
} from "../managed-engine.ts";
import { createTestAuthority, type TestAuthority } from "./certificates.ts";

export const testClusterId = "hf-testtesttesttest";

/** Store nodes of one cluster on loopback, with one authority. */
export class TestCluster {
  /** Issues the certificates of what starts from now on. */
  authority: TestAuthority;
  readonly reports: HoldfastError[] = [];
  /** Those that run. */
  readonly engines = new Map<string, ManagedEngine>();
  readonly #addresses = new Map<string, EngineAddress>();
  readonly #folder: string;
  #users: readonly EngineUser[] = [];

  private constructor(authority: TestAuthority) {
    this.authority = authority;
    this.#folder = mkdtempSync(join(tmpdir(), "holdfast-cluster-"));
  }

  static async create(): Promise<TestCluster> {
    return new TestCluster(await createTestAuthority(testClusterId));
  }

  home(node: string): string {
    return join(this.#folder, node);
  }

  engine(node: string): ManagedEngine {
    const engine = this.engines.get(node);
    if (!engine) throw new Error(`${node} does not run.`);
    return engine;
  }

  /** Of the members, but for one. */
  othersOf(node: string): EngineAddress[] {
    return [...this.#addresses].flatMap(([name, address]) => (name === node ? [] : [address]));
  }

  /** Lets more nodes connect. */
  admit(...users: EngineUser[]): Promise<void> {
    return this.#setUsers([...this.#users, ...users]);
  }

  /** Lets a node connect no more. */
  dismiss(node: string): Promise<void> {
    return this.#setUsers(this.#users.filter((user) => user.node !== node));
  }

  async #setUsers(users: readonly EngineUser[]): Promise<void> {
    this.#users = users;
    await Promise.all([...this.engines.values()].map((engine) => engine.update({ users })));
  }

  /** Starts a store node, the first one as the founder; those that run look for it. */
  async start(node: string, change: Partial<ManagedEngineOptions> = {}): Promise<ManagedEngine> {
    const isFounder = node === "n1";
    if (!this.#users.some((user) => user.node === node)) await this.admit({ node, role: "store" });
    const engine = await startManagedEngine({
      server: await findNatsServer(process.env),
      home: this.home(node),
      report: (error) => this.reports.push(error),
      host: "127.0.0.1",
      cluster: testClusterId,
      node,
      role: isFounder ? "founder" : "member",
      credentials: await this.authority.credentials(node),
      // A server that was there before remembers them.
      ...(!this.#addresses.has(node) && { users: this.#users, others: this.othersOf(node) }),
      ...change,
    });
    this.engines.set(node, engine);
    this.#addresses.set(node, engine.address);
    await this.introduce();
    return engine;
  }

  async stop(node: string): Promise<void> {
    await this.engine(node).close();
    this.engines.delete(node);
  }

  /** It is not a member any more. */
  async forget(node: string): Promise<void> {
    this.#addresses.delete(node);
    await this.introduce();
  }

  /** Tells every node of all the others. */
  async introduce(): Promise<void> {
    await Promise.all(
      [...this.engines].map(([node, engine]) => engine.update({ others: this.othersOf(node) })),
    );
  }

  /** Another process's connection as this node, to its own server first. */
  async connect(node: string): Promise<NatsEngine> {
    return connectEngine({
      servers: clientServers([...this.#own(node), ...this.othersOf(node)]),
      isOrdered: true,
      tls: await this.tls(`node/${node}`),
      inboxPrefix: inboxPrefixOf(node),
      isReplicated: this.engines.size > 1,
      replicas: 1,
    });
  }

  #own(node: string): EngineAddress[] {
    const address = this.#addresses.get(node);
    return address ? [address] : [];
  }

  /** What a client with a certificate for this path of the trust domain connects with. */
  async tls(path: string, authority = this.authority): Promise<Required<TlsCredentials>> {
    const certificate = await authority.issue(path);
    return clientTls(testClusterId, this.authority.pem, certificate);
  }

  async close(): Promise<void> {
    await Promise.all([...this.engines.values()].map((engine) => engine.close()));
    rmSync(this.#folder, { recursive: true });
  }
}
