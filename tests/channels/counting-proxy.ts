import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands before a fake and counts what is asked of it, also what the fake refuses. */
export interface CountingProxy {
  /** The address of the same path behind the proxy. */
  through(url: string): string;
  readonly count: number;
  close(): Promise<void>;
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  let count = 0;
  const server = createServer((asked, answer) => {
    count += 1;
    const { method, url: path, headers } = asked;
    const onward = request({ hostname, port, method, path, headers });
    onward.on("response", (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(answer);
      given.on("error", () => answer.destroy());
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = (server.address() as AddressInfo).port;
  return {
    through(url) {
      const passed = new URL(url);
      passed.port = String(own);
      return passed.href;
    },
    get count() {
      return count;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
