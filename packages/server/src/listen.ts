import { createServer } from "node:net";
import { HoldfastError } from "@holdfast/core";

interface Listener {
  listen(at: { readonly host: string; readonly port: number }): Promise<string>;
}

/** Resolves to the URL. Errors: `port_taken`, `invalid_configuration`. */
export async function listen(api: Listener, host: string, port: number): Promise<string> {
  try {
    return await api.listen({ host, port });
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const problem = `Port ${port} on ${host} is taken by another process. Stop it, or set HOLDFAST_PORT.`;
      throw new HoldfastError("port_taken", problem, { cause });
    }
    const reason = reasons.get(code);
    if (reason === undefined) throw cause;
    const problem = `The node cannot listen on ${host}, port ${port}: ${reason}.`;
    throw new HoldfastError("invalid_configuration", problem, { cause });
  }
}

/** Whether `listen` would work now. Errors: as `listen`. */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  const probe: Listener = {
    listen: (at) =>
      new Promise((resolve, reject) => {
        server.once("error", reject).listen(at, () => resolve(""));
      }),
  };
  await listen(probe, host, port);
  await new Promise((resolve) => server.close(resolve));
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["EACCES", "this user may not take that port; set HOLDFAST_PORT to 1024 or above"],
  ["EADDRNOTAVAIL", "this machine does not have that address; set HOLDFAST_HOST to another"],
  ["EAFNOSUPPORT", "this machine has no addresses of that kind; set HOLDFAST_HOST to another"],
  ["ENOTFOUND", "that name has no address; set HOLDFAST_HOST to an address"],
]);
