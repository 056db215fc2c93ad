import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EngineAddress, HoldfastError } from "@holdfast/core";
import type { EngineUser } from "./accounts.ts";
import { choosePorts, type Ports, takenPort } from "./ports.ts";

export function dataServerName(node: string): string {
  return `holdfast-${node}`;
}

const witnessSuffix = "-witness";

export function isWitnessName(serverName: string): boolean {
  return serverName.endsWith(witnessSuffix);
}

/** What an engine remembers of itself. */
interface Identity {
  readonly cluster: string;
  /** Data belongs to the name of its server: it never changes. */
  readonly serverName: string;
  readonly witnessName: string;
  /** It has no witness, or none any more. */
  readonly isWitnessRetired: boolean;
  /** Its streams have, or may have, several replicas. */
  readonly isReplicated: boolean;
  /** Its server has what the cluster knows of its streams. */
  readonly isJoined: boolean;
}

interface Members {
  readonly users: readonly EngineUser[];
  readonly others: readonly EngineAddress[];
}

interface StoredPorts {
  readonly data: Ports;
  readonly witness?: Ports;
}

export interface EnginePorts extends StoredPorts {
  /** Nobody else knows them, so that the next start may choose other ones. */
  readonly mayMove: boolean;
}

/** The folder of a managed engine: what it is, where it listens, and its certificates. */
export class EngineHome {
  readonly path: string;
  #identity: Identity;

  private constructor(path: string, identity: Identity) {
    this.path = path;
    this.#identity = identity;
  }

  /** Errors: `home_of_other_cluster`, `home_unusable`. */
  static open(
    path: string,
    { cluster, node, role }: { cluster: string; node: string; role: "founder" | "member" },
  ): EngineHome {
    const found = readJson<Identity>(join(path, "engine.json"));
    if (found && found.cluster !== cluster) {
      throw new HoldfastError(
        "home_of_other_cluster",
        `${path} holds data of the cluster ${found.cluster}, not of ${cluster}.`,
      );
    }
    if (found) return new EngineHome(path, found);
    // Before there were clusters of several nodes every server had the same name.
    const isOld = existsSync(join(path, "data"));
    const name = isOld ? "holdfast-data" : dataServerName(node);
    const witnessName = isOld ? `holdfast${witnessSuffix}` : `${name}${witnessSuffix}`;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const home = new EngineHome(path, {
      cluster,
      serverName: name,
      witnessName,
      isWitnessRetired: role === "member",
      isReplicated: role === "member",
      isJoined: role === "founder",
    });
    home.remember({});
    return home;
  }

  get identity(): Identity {
    return this.#identity;
  }

  remember(
    change: Partial<Pick<Identity, "isReplicated" | "isWitnessRetired" | "isJoined">>,
  ): void {
    this.#identity = { ...this.#identity, ...change };
    this.write("engine.json", `${JSON.stringify(this.#identity, null, 2)}\n`);
  }

  /**
   * Whom it knew last. The records of all nodes stand in the engine itself, which cannot be asked before it
   * found its others.
   */
  get members(): Members | undefined {
    return readJson<Members>(join(this.path, "members.json"));
  }

  rememberMembers({ users, others }: Members): void {
    this.write(
      "members.json",
      `${JSON.stringify({ users, others }, null, 2)}
`,
    );
  }

  /**
   * The ports of its processes: those of last time, or free ones. Errors: `port_taken` when others know the
   * ports, so that no other ones can be chosen.
   */
  async ports(options: {
    readonly host: string;
    readonly wanted?: Ports | undefined;
    readonly hasWitness: boolean;
    readonly mayMove: boolean;
  }): Promise<EnginePorts> {
    const { host, wanted, mayMove } = options;
    const stored = readJson<StoredPorts>(join(this.path, "ports.json"));
    const data = await portsToUse(host, wanted ?? stored?.data, mayMove && !wanted);
    // Only this node's data server needs to find the witness, whose ports are none of that one's.
    const others = [data.client, data.route];
    const witness = options.hasWitness
      ? await portsToUse(host, stored?.witness, true, others)
      : undefined;
    const ports = { data, ...(witness && { witness }) };
    this.write("ports.json", `${JSON.stringify(ports, null, 2)}\n`);
    return { ...ports, mayMove: mayMove && !wanted };
  }

  /** Replaces a file's content at once; returns what it was. */
  write(name: string, content: string): string | undefined {
    const file = join(this.path, name);
    const before = readText(file);
    if (before === content) return before;
    writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    return before;
  }
}

async function portsToUse(
  host: string,
  known: Ports | undefined,
  mayMove: boolean,
  others: readonly number[] = [],
): Promise<Ports> {
  if (!known) return choosePorts(host, others);
  const own = [known.client, known.route].find((port) => others.includes(port));
  const taken = own ?? (await takenPort(host, known));
  if (taken === undefined) return known;
  if (mayMove) return choosePorts(host, others);
  throw new HoldfastError(
    "port_taken",
    `Another process listens at ${host}:${taken}, where this node's engine was known to its cluster. Stop that process.`,
  );
}

function readJson<T>(file: string): T | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new HoldfastError("home_unusable", `${file} is no JSON.`, { cause });
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new HoldfastError("home_unusable", `${file} cannot be read.`, { cause });
  }
}
