import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { HoldfastError } from "@holdfast/core";
import type { NodeRole } from "@holdfast/sdk";
import { z } from "zod";
import { commandLimits } from "../limits.ts";

const planSchema = z.strictObject({
  format: z.literal(1),
  /** Of the whole cluster, chosen when it is made. */
  partitions: z.int().min(1).max(256),
  nodes: z
    .array(
      z.strictObject({
        name: z.string().regex(/^n\d+$/),
        role: z.enum(["store", "compute"]),
        port: z.int().min(1).max(65_535),
        /** For clients of OpenClaw's gateway; plans of older versions have none. */
        gatewayPort: z.int().min(1).max(65_535).optional(),
      }),
    )
    .min(1),
});

/** The nodes of a cluster on this machine, the founder first: `plan.json` in its folder. */
export type DevPlan = Omit<z.infer<typeof planSchema>, "format">;
export type PlannedNode = DevPlan["nodes"][number];

export interface DevWishes {
  /** How many nodes; as many as there are, or 3. */
  readonly nodes: number | undefined;
  /** The first node's port; free ones when absent. */
  readonly port: number | undefined;
  /** What HOLDFAST_PARTITIONS says. */
  readonly partitions: number | undefined;
}

const storeNodes = 3;
const minPartitions = 8;
const maxPartitions = 256;

/** At least two for each node, so that each gets some: a power of two, 8 or more. */
export function partitionsFor(nodes: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(2 * nodes));
  return Math.min(maxPartitions, Math.max(minPartitions, wanted));
}

/**
 * The cluster's plan: that of its folder, with more nodes when more are wanted. Errors: `usage` for what
 * an existing cluster cannot become, `file_unreadable`.
 */
export async function openPlan(folder: string, wishes: DevWishes): Promise<DevPlan> {
  makeFolder(folder);
  const file = path.join(folder, "plan.json");
  const found = existsSync(file) ? readPlan(file) : undefined;
  if (found) refuseChange(folder, found, wishes);
  const count = wishes.nodes ?? found?.nodes.length ?? storeNodes;
  const nodes = [...(found?.nodes ?? [])];
  const taken = new Set(nodes.flatMap(({ port, gatewayPort = port }) => [port, gatewayPort]));
  if (wishes.port !== undefined) {
    for (let index = 0; index < count; index += 1) taken.add(wishes.port + index);
  }
  while (nodes.length < count) {
    const index = nodes.length;
    const port = wishes.port === undefined ? await freePort(taken) : wishes.port + index;
    taken.add(port);
    const gatewayPort = await freePort(taken);
    taken.add(gatewayPort);
    const role = index < storeNodes ? "store" : "compute";
    nodes.push({ name: `n${index + 1}`, role, port, gatewayPort });
  }
  const partitions = found?.partitions ?? wishes.partitions ?? partitionsFor(count);
  const plan = { partitions, nodes };
  writePrivate(file, `${JSON.stringify({ format: 1, ...plan }, null, 2)}\n`);
  return plan;
}

/** What a node shows of its role; store nodes run partitions, too. */
export function isStore({ role }: { readonly role: NodeRole }): boolean {
  return role === "store";
}

/** Replaces a file as a whole; only this user may read it. Errors: `file_unreadable`. */
export function writePrivate(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  } catch (cause) {
    throw new HoldfastError("file_unreadable", `${file} cannot be written.`, { cause });
  }
}

function refuseChange(folder: string, { nodes, partitions }: DevPlan, wishes: DevWishes): void {
  if (wishes.nodes !== undefined && wishes.nodes < nodes.length) {
    const problem = `The cluster in ${folder} has ${nodes.length} nodes; use another --dir for ${wishes.nodes}.`;
    throw new HoldfastError("usage", problem);
  }
  const [first] = nodes;
  if (wishes.port !== undefined && first && first.port !== wishes.port) {
    const problem = `The cluster in ${folder} has its ports from ${first.port} on; leave --port out.`;
    throw new HoldfastError("usage", problem);
  }
  if (wishes.partitions !== undefined && wishes.partitions !== partitions) {
    const problem = `The cluster in ${folder} has ${partitions} partitions for good; HOLDFAST_PARTITIONS says ${wishes.partitions}.`;
    throw new HoldfastError("usage", problem);
  }
}

function readPlan(file: string): DevPlan {
  try {
    const { partitions, nodes } = planSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    return { partitions, nodes };
  } catch (cause) {
    const problem = `${file} is not as \`holdfast dev\` wrote it.`;
    throw new HoldfastError("file_unreadable", problem, { cause });
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new HoldfastError("file_unreadable", `${folder} cannot be made.`, { cause });
  }
}

/**
 * Below the range of outgoing connections: a port that is free now is free at the next start, too. Nodes choose
 * those of their engines below, while nobody listens here yet.
 */
const firstFreePort = 26_000;
const freePorts = 6_000;

async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < commandLimits.devPortTries; tries += 1) {
    const port = firstFreePort + Math.floor(Math.random() * freePorts);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new HoldfastError("port_taken", "No free port was found on 127.0.0.1.");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
