import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../lib/cluster-views.ts";

/** Where a node listens whose inspector is opened by a signal. */
const inspector = "http://127.0.0.1:9229/json/list";
const sampleMicros = 500;

/** Profiles one span of a node that already runs. */
export class NodeProfiler {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #next = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  /** Errors: the port is taken, or the process opens no inspector within a second. */
  static async begin(pid: number): Promise<NodeProfiler> {
    process.kill(pid, "SIGUSR1");
    const address = await findInspector();
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    const profiler = new NodeProfiler(socket);
    await profiler.#ask("Profiler.enable");
    await profiler.#ask("Profiler.setSamplingInterval", { interval: sampleMicros });
    await profiler.#ask("Profiler.start");
    return profiler;
  }

  /** Writes `NAME.cpuprofile`, which bench/lib/profile-summary.ts reads. */
  async end(folder: string, name: string): Promise<void> {
    const { profile } = (await this.#ask("Profiler.stop")) as { profile: object };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(profile));
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

async function findInspector(): Promise<string> {
  for (let tries = 0; tries < 20; tries += 1) {
    await pause(50);
    try {
      const [found] = (await (await fetch(inspector)).json()) as { webSocketDebuggerUrl: string }[];
      if (found) return found.webSocketDebuggerUrl;
    } catch {
      // Not yet.
    }
  }
  throw new Error("The node opened no inspector.");
}
