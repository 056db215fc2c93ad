import { randomBytes } from "node:crypto";
import type { HoldfastError } from "@holdfast/core";
import { createNatsEngine, type NatsEngine } from "../nats/nats-engine.ts";
import type { NatsServer } from "./find-server.ts";
import { choosePorts } from "./ports.ts";
import { dataTag, type PlainSecrets, type ServerPlan } from "./server-config.ts";
import { endOrphans, type EngineProcess, serverFiles, ServerGroup } from "./server-group.ts";
import { pause } from "./supervisor.ts";

const host = "127.0.0.1";
const connectTimeoutMs = 10_000;

export interface PlainEngineOptions {
  readonly server: NatsServer;
  readonly home: string;
  readonly report: (error: HoldfastError, where: string) => void;
}

export interface PlainEngine extends NatsEngine {
  readonly processes: readonly EngineProcess[];
}

/** A data server and its witness on loopback, without TLS: for what never grows. Errors: those of a managed engine. */
export async function startPlainEngine(options: PlainEngineOptions): Promise<PlainEngine> {
  await endOrphans(options.home);
  const secret = () => randomBytes(24).toString("base64url");
  const secrets = { user: "holdfast", password: secret(), routePassword: secret() };
  const plans = await plansIn(options.home);
  const group = await ServerGroup.start(
    { binary: options.server.path, folder: options.home, report: options.report },
    plans,
    { kind: "plain", secrets },
  );
  try {
    const engine = await connectWhenReady(plans.at(-1)?.clientPort ?? 0, secrets, group);
    return {
      ...engine,
      get processes() {
        return group.processes;
      },
      close: async () => {
        await engine.close();
        await group.close();
      },
    };
  } catch (thrown) {
    await group.close();
    throw thrown;
  }
}

async function plansIn(folder: string): Promise<ServerPlan[]> {
  const witness = await choosePorts(host);
  const data = await choosePorts(host);
  const plan = (role: ServerPlan["role"], own: typeof data, other: typeof data): ServerPlan => ({
    role,
    name: `holdfast-${role}`,
    host,
    clientPort: own.client,
    routePort: own.route,
    ...serverFiles(folder, role),
    routes: [{ host, port: other.route }],
    mayMove: true,
  });
  return [plan("witness", witness, data), plan("data", data, witness)];
}

async function connectWhenReady(
  port: number,
  { user, password }: PlainSecrets,
  { refusal }: ServerGroup,
): Promise<NatsEngine> {
  const deadline = performance.now() + connectTimeoutMs;
  for (;;) {
    try {
      return await createNatsEngine({
        connection: { servers: [`${host}:${port}`], user, pass: password, timeout: 2_000 },
        replicas: 1,
        placementTags: [dataTag],
        refusal,
      });
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await pause(20);
    }
  }
}
