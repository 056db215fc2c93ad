import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * Hosts on one machine: each is a network namespace with one cable to a bridge that stands in a namespace of
 * its own, so that nothing of the machine's own network is touched. Addresses are 10.111.N.1, seen only in
 * the namespaces. Everything is gone with `remove`.
 */
export class TestHosts {
  readonly #prefix: string;
  readonly #hosts = new Map<string, string>();

  private constructor(prefix: string, hosts: readonly string[]) {
    this.#prefix = prefix;
    for (const [place, host] of hosts.entries()) this.#hosts.set(host, `10.111.0.${place + 1}`);
  }

  /** `prefix` must be the run's own: at most 6 letters and digits. */
  static make(prefix: string, hosts: readonly string[]): TestHosts {
    const made = new TestHosts(prefix, hosts);
    try {
      ip("netns", "add", made.#switch);
      inside(made.#switch, "ip", "link", "add", "br0", "type", "bridge");
      inside(made.#switch, "ip", "link", "set", "br0", "up");
      for (const host of hosts) made.#plug(host);
      return made;
    } catch (thrown) {
      made.remove();
      throw thrown;
    }
  }

  /** Those that another process made; it removes them. */
  static of(prefix: string, hosts: readonly string[]): TestHosts {
    return new TestHosts(prefix, hosts);
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  namespace(host: string): string {
    return `${this.#prefix}-${host}`;
  }

  address(host: string): string {
    const found = this.#hosts.get(host);
    if (found === undefined) throw new Error(`There is no host ${host}.`);
    return found;
  }

  /** What starts a command on a host. */
  wrap(host: string): readonly string[] {
    return ["ip", "netns", "exec", this.namespace(host)];
  }

  /** From now on the host drops what these others send it (`in`), what it sends them (`out`), or both. */
  cut(host: string, others: readonly string[], ways: readonly ("in" | "out")[]): void {
    const addresses = `{ ${others.map((other) => this.address(other)).join(", ")} }`;
    const chains = ways.map((way) => {
      const [hook, field] = way === "in" ? ["input", "saddr"] : ["output", "daddr"];
      return `chain ${way} { type filter hook ${hook} priority 0; ip ${field} ${addresses} drop\n }`;
    });
    this.heal(host);
    this.#nft(host, `table inet cut {\n${chains.join("\n")}\n}`);
  }

  heal(host: string): void {
    this.#nft(host, "table inet cut\ndelete table inet cut");
  }

  /** What the host sends to `address:port` goes to another address instead. */
  divert(host: string, rules: readonly { readonly from: string; readonly to: string }[]): void {
    const lines = rules.map(({ from, to }) => {
      const [address, port] = from.split(":");
      return `ip daddr ${address} tcp dport ${port} dnat to ${to}`;
    });
    const chain = `chain out { type nat hook output priority -100;\n${lines.join("\n")}\n}`;
    this.#nft(host, `table ip divert {\n${chain}\n}`);
  }

  /** Also after a making that failed halfway. */
  remove(): void {
    const ours = [...this.#hosts.keys()].map((host) => this.namespace(host));
    for (const namespace of [...ours, this.#switch]) {
      if (existsSync(`/run/netns/${namespace}`)) ip("netns", "del", namespace);
    }
  }

  #plug(host: string): void {
    const namespace = this.namespace(host);
    const address = this.address(host);
    const number = address.split(".").at(-1);
    const [near, far] = [`${this.#prefix}n${number}`, `${this.#prefix}f${number}`];
    ip("netns", "add", namespace);
    const ends = ["link", "add", near, "netns", namespace, "type", "veth", "peer", "name", far];
    ip(...ends, "netns", this.#switch);
    inside(this.#switch, "ip", "link", "set", far, "master", "br0", "up");
    inside(namespace, "ip", "link", "set", near, "name", "eth0");
    inside(namespace, "ip", "addr", "add", `${address}/24`, "dev", "eth0");
    inside(namespace, "ip", "link", "set", "eth0", "up");
    inside(namespace, "ip", "link", "set", "lo", "up");
  }

  #nft(host: string, script: string): void {
    execFileSync("ip", ["netns", "exec", this.namespace(host), "nft", "-f", "-"], {
      input: script,
      stdio: ["pipe", "ignore", "pipe"],
    });
  }
}

/** Whether this machine lets us make hosts: root, ip and nft. */
export function canMakeHosts(): boolean {
  try {
    const hosts = TestHosts.make(`p${process.pid % 10_000}`, ["a"]);
    try {
      hosts.cut("a", ["a"], ["in"]);
      return true;
    } finally {
      hosts.remove();
    }
  } catch {
    return false;
  }
}

function ip(...words: readonly string[]): void {
  execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
}

function inside(namespace: string, ...words: readonly string[]): void {
  ip("netns", "exec", namespace, ...words);
}
