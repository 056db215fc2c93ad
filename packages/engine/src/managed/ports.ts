import { createServer } from "node:net";
import { HoldfastError } from "@holdfast/core";

export interface Ports {
  readonly client: number;
  readonly route: number;
}

/**
 * Below the range from which systems take the ports of outgoing connections: it is free at the next start, too.
 * APIs have a range of their own, as `holdfast dev` plans them: they listen only after the engine has chosen.
 */
const firstPort = 20_000;
const firstApiPort = 26_000;
const portCount = 6_000;
const maxTries = 200;

/** Two ports of this host that nobody listens at, and that are none of `others`. Errors: `engine_start_failed`. */
export async function choosePorts(host: string, others: readonly number[] = []): Promise<Ports> {
  const client = await choosePort(host, others);
  return { client, route: await choosePort(host, [...others, client]) };
}

/** A port of this host for an API. Errors: `engine_start_failed`. */
export function chooseApiPort(host: string): Promise<number> {
  return choosePort(host, [], firstApiPort);
}

async function choosePort(
  host: string,
  others: readonly number[],
  from = firstPort,
): Promise<number> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = from + Math.floor(Math.random() * portCount);
    if (!others.includes(port) && (await isFree(host, port))) return port;
  }
  throw new HoldfastError("engine_start_failed", `No free port was found on ${host}.`);
}

/** The first of the ports that another process listens at. Errors: `engine_start_failed`. */
export async function takenPort(host: string, ports: Ports): Promise<number | undefined> {
  for (const port of [ports.client, ports.route]) if (!(await isFree(host, port))) return port;
  return undefined;
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EADDRINUSE") return resolve(false);
      const problem = `The engine cannot listen at ${host}:${port} (${cause.code}).`;
      reject(new HoldfastError("engine_start_failed", problem, { cause }));
    });
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
