import { installPackages } from "../lib/packages.ts";
import { restatePackages, RestateServer, restateVersion } from "../lib/restate-server.ts";
import type { Contender } from "./contender.ts";
import { windowChars } from "./workload.ts";

/** Restate's virtual object keyed by conversation; the model's answer is a durable step. */
export const restate: Contender = {
  name: "restate",
  workload: "handler",
  settings: `Restate ${restateVersion}, one node, default (durable) settings; its handler in a process of its own`,
  async start({ stub, folder, cache, conversations }) {
    const packages = await installPackages(cache, restatePackages);
    const server = await RestateServer.start({
      packages,
      folder,
      handler: new URL("./restate-conversation.mjs", import.meta.url),
      handlerEnv: { MODEL_URL: stub.url, WINDOW_CHARS: String(windowChars) },
    });
    const path = (key: number, handler: string) => `/Conversation/c${key}/${handler}`;
    const paths = (handler: string) =>
      Array.from({ length: conversations }, (_, key) => path(key, handler));
    const target = {
      urls: [server.ingress],
      paths: paths("message"),
      acceptingPaths: paths("message/send"),
      heads: [""],
    };
    let killedHandler = false;
    return {
      version: restateVersion,
      target: () => target,
      pids: () => [server.server?.pid ?? 0, server.handler?.pid ?? 0],
      async kill(scope) {
        killedHandler = scope === "all";
        await Promise.all([
          server.server?.kill(),
          killedHandler ? server.handler?.kill() : undefined,
        ]);
      },
      async restart() {
        await server.startServer();
        if (killedHandler) await server.startHandler();
      },
      async isIdle() {
        const open = "SELECT count(*) FROM sys_invocation WHERE status <> 'completed'";
        return (await server.query(open)) === 0;
      },
      async history(conversation) {
        const response = await fetch(server.ingress + path(conversation, "history"), {
          method: "POST",
        });
        if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
        const messages = (await response.json()) as { content: string }[];
        return messages.map(({ content }) => content);
      },
      stop: () => server.stop(),
    };
  },
};
