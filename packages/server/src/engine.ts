import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/core";
import {
  createNatsEngine,
  findNatsServer,
  type NatsEngine,
  startManagedEngine,
} from "@holdfast/engine";
import type { Home } from "./home.ts";
import type { Settings } from "./settings.ts";

export interface NodeEngine extends NatsEngine {
  /** Empty when somebody else runs the engine. */
  readonly processes: readonly {
    readonly role: string;
    readonly pid: number;
    readonly port: number;
  }[];
}

/** The engine that the settings ask for. Errors: those of both ways. */
export async function startEngine(
  settings: Settings,
  home: Home,
  env: NodeJS.ProcessEnv,
  report: (error: HoldfastError, where: string) => void,
): Promise<NodeEngine> {
  const external = settings.externalEngine;
  if (!external) {
    const server = await findNatsServer(env);
    return startManagedEngine({ server, home: join(home.path, "engine"), report });
  }
  const [user, pass] = external.credentials ? readCredentials(external.credentials) : [];
  const engine = await createNatsEngine({
    connection: {
      servers: external.servers,
      ...(user !== undefined && { user }),
      ...(pass !== undefined && { pass }),
    },
    replicas: external.replicas,
    placementTags: [],
  });
  return { ...engine, processes: [] };
}

function readCredentials(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n");
  } catch (cause) {
    throw new HoldfastError("invalid_configuration", `${file} cannot be read.`, { cause });
  }
}
