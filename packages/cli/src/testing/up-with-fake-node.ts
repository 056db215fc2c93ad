import { runUp } from "../commands/up.ts";
import { createContext } from "../context.ts";
import type { ServerModule } from "../server-module.ts";

/** Runs `holdfast up` on a node that does nothing: it never starts with WAIT, and never ends with HANG. */
const closed = Promise.withResolvers<void>();
const server: ServerModule = {
  async startNode({ home, host, port, signal }) {
    const alive = setInterval(() => undefined, 60_000);
    if (process.env.WAIT === "1") {
      process.stderr.write("waiting for the engine\n");
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      signal?.throwIfAborted();
    }
    if (process.env.FAIL === "1") setImmediate(() => closed.reject(new Error("engine lost")));
    return {
      url: `http://${host}:${port}`,
      home,
      ...(process.env.FIRST === "1" ? { adminToken: "hf_admin" } : {}),
      engine: { version: "2.14.3", processes: [{ role: "data", pid: 41, port: 4222 }] },
      organizations: ["demo"],
      async close() {
        if (process.env.HANG === "1") await new Promise(() => undefined);
        clearInterval(alive);
        closed.resolve();
      },
      closed: closed.promise,
    };
  },
  runDoctor: async () => [],
};

const terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
};
const context = createContext(terminal, { json: process.argv.includes("--json") });
try {
  process.exit(await runUp(context, {}, async () => server));
} catch (thrown) {
  process.stderr.write(`failed: ${String(thrown)}\n`);
  process.exit(1);
}
