import { join } from "node:path";
import { freePorts } from "../lib/engines.ts";
import { killHard } from "../lib/node-process.ts";
import { withDescendants } from "../lib/process-tree.ts";
import { ServerProcess } from "../lib/server-process.ts";
import type { Contender, PeerMessage, RunningContender, StartOptions } from "./contender.ts";
import { OpenClawGateway } from "./openclaw-gateway.ts";
import {
  openClawHome,
  openClawToken,
  openClawVersion,
  promptAgent,
  sessionKey,
} from "./openclaw-home.ts";

const readyTimeoutMs = 120_000;

/** OpenClaw's gateway, asked through its OpenAI-compatible address. */
export const openclaw: Contender = {
  name: "openclaw",
  workload: "prompt",
  settings:
    `OpenClaw ${openClawVersion}, its gateway with default settings, 16 agents with the default workspace; ` +
    "accepted messages go through its WebSocket (`agent` answered `accepted`)",
  start,
};

async function start(options: StartOptions): Promise<RunningContender> {
  const [port = 0] = await freePorts(1);
  const { folder, entry, env } = await openClawHome(options, port);
  const url = `http://127.0.0.1:${port}`;
  const startGateway = () =>
    new ServerProcess({
      command: process.execPath,
      args: [entry, "gateway", "run", "--port", String(port), "--bind", "loopback"],
      cwd: folder,
      env,
      log: join(folder, "gateway-output.log"),
    });
  let gateway = startGateway();
  let client: OpenClawGateway | undefined;
  let helpers: readonly number[] = [];
  const isReady = async () => {
    const { status } = await fetch(`${url}/readyz`);
    return status === 200 ? true : undefined;
  };
  const stop = async () => {
    client?.close();
    helpers = withDescendants(gateway.pid);
    await gateway.stop();
    for (const pid of helpers) killHard(pid);
  };
  try {
    await gateway.until(isReady, readyTimeoutMs);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const each = <Value>(make: (conversation: number) => Value) =>
    Array.from({ length: options.conversations }, (_, conversation) => make(conversation));
  const target = {
    urls: [url],
    paths: each(() => "/v1/chat/completions"),
    heads: [`authorization: Bearer ${openClawToken}\r\n`],
    chat: each((conversation) => ({
      model: `openclaw/${promptAgent(conversation)}`,
      sessionKey: sessionKey(conversation),
    })),
  };
  return {
    version: openClawVersion,
    target: () => target,
    pids: () => withDescendants(gateway.pid),
    async submit({ conversation, id, text }: PeerMessage) {
      client ??= await OpenClawGateway.connect(port, openClawToken);
      const [agentId, key] = [promptAgent(conversation), sessionKey(conversation)];
      await client.accept({ agentId, sessionKey: key, idempotencyKey: id, message: text });
    },
    async kill(scope) {
      helpers = withDescendants(gateway.pid).filter((pid) => pid !== gateway.pid);
      const gone = gateway.kill();
      if (scope === "all") for (const pid of helpers) killHard(pid);
      await gone;
      client = undefined;
    },
    async restart() {
      gateway = startGateway();
    },
    stop,
  };
}
