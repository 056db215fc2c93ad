import { join } from "node:path";
import type { HttpTarget } from "../lib/load.ts";
import { installPackages } from "../lib/packages.ts";
import { restatePackages, RestateServer, restateVersion } from "../lib/restate-server.ts";
import { conversations } from "./workload.ts";

export interface Restate {
  readonly version: string;
  readonly target: HttpTarget;
  stop(): Promise<void>;
}

/**
 * Baseline (b): Restate on one node with its default, durable settings, and a virtual object keyed by
 * conversation. Its packages are fetched with npm into `folder`, outside the repository. Errors: what npm
 * says when it cannot fetch them.
 */
export async function startRestate(folder: string): Promise<Restate> {
  const packages = await installPackages(join(folder, "packages"), restatePackages);
  const server = await RestateServer.start({
    packages,
    folder: join(folder, "server"),
    handler: new URL("./restate-handler.mjs", import.meta.url),
  });
  return {
    version: restateVersion,
    target: {
      url: server.ingress,
      paths: Array.from({ length: conversations }, (_, key) => `/Conversation/c${key}/message`),
      headers: [],
    },
    stop: () => server.stop(),
  };
}
