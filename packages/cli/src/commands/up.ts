import { HoldfastError, namePattern } from "@holdfast/core";
import type { Context } from "../context.ts";
import { printLine, styled, type Stream } from "../output/terminal.ts";
import { loadServer, type NodeOptions, type RunningNode } from "../server-module.ts";
import { homeFolder, hostOf, listenPortOf } from "../settings.ts";
import { version } from "../version.ts";
import { roleOf } from "./join-tokens.ts";

export interface UpOptions {
  readonly join?: string;
  readonly discover?: string;
  readonly role?: string;
  readonly name?: string;
  readonly engine?: string;
  readonly engineCreds?: string;
}

/** What the command's words and the environment ask of the node. Errors: `usage`. */
export function nodeOptionsOf(options: UpOptions, env: NodeJS.ProcessEnv): NodeOptions {
  const token = options.join ?? env.HOLDFAST_JOIN;
  const role = roleOf(options.role);
  if (!token && (options.discover !== undefined || role !== undefined)) {
    const option = role === undefined ? "--discover" : "--role";
    throw new HoldfastError("usage", `${option} says how to join: give the token with --join.`);
  }
  refuseWords(options, env);
  const { discover } = options;
  const join = { token: token ?? "", ...(discover && { discover }), ...(role && { role }) };
  return {
    home: homeFolder(env),
    host: hostOf(env),
    port: listenPortOf(env),
    env: { ...env, ...settingsOf(options) },
    ...(token && { join }),
  };
}

/** What the settings would refuse under another name, or not at all. Errors: `usage`. */
function refuseWords({ name, engine, engineCreds }: UpOptions, env: NodeJS.ProcessEnv): void {
  if (name !== undefined && !namePattern.test(name)) {
    const shown = JSON.stringify(name.slice(0, 80));
    const expected = "expected 1 to 63 characters of a-z 0-9 -";
    throw new HoldfastError("usage", `--name is ${shown}: ${expected}.`);
  }
  if (engineCreds !== undefined && !(engine ?? env.HOLDFAST_ENGINE)) {
    throw new HoldfastError("usage", "--engine-creds is for an engine that --engine names.");
  }
}

function settingsOf({ name, engine, engineCreds }: UpOptions): NodeJS.ProcessEnv {
  return {
    ...(name !== undefined && { HOLDFAST_NODE: name }),
    ...(engine !== undefined && { HOLDFAST_ENGINE: engine }),
    ...(engineCreds !== undefined && { HOLDFAST_ENGINE_CREDENTIALS: engineCreds }),
  };
}

/** `holdfast up`: one node in the foreground, until Ctrl-C or SIGTERM. */
export async function runUp(
  context: Context,
  words: UpOptions = {},
  load = loadServer,
): Promise<number> {
  const { terminal } = context;
  const { env, stdout, stderr } = terminal;
  const options = nodeOptionsOf(words, env);
  const asked = new AbortController();
  const { signal } = asked;
  const stop = () => {
    if (signal.aborted) process.exit(130);
    asked.abort();
    printLine(
      stderr,
      "\nStopping: running turns come to a safe point. Ctrl-C once more stops at once.",
    );
  };
  const restore = context.onInterrupt(stop);
  process.on("SIGTERM", stop);
  try {
    const server = await load();
    const node = await server.startNode({ ...options, signal });
    // A failure while it is being closed is told by close() too.
    const failed = node.closed.then(() => undefined);
    failed.catch(() => undefined);
    if (context.json) printLine(stdout, JSON.stringify(description(node)));
    else printNode(stdout, node, env);
    await Promise.race([aborted(signal), failed]);
    if (!signal.aborted) return 0;
    await node.close();
    printLine(stderr, "Stopped.");
    return 0;
  } catch (thrown) {
    // A start that was ended fails with that.
    if (thrown !== signal.reason) throw thrown;
    printLine(stderr, "Stopped before it had started.");
    return 0;
  } finally {
    restore();
    process.off("SIGTERM", stop);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function description(node: RunningNode): object {
  const { url, gatewayUrl, home, adminToken, engine, organizations } = node;
  const gateway = gatewayUrl === undefined ? {} : { gatewayUrl };
  return {
    url,
    ...gateway,
    home,
    ...(adminToken === undefined ? {} : { adminToken }),
    engine,
    organizations,
  };
}

function printNode(stdout: Stream, node: RunningNode, env: NodeJS.ProcessEnv): void {
  // Under npm the command is not on the user's PATH.
  const command = env.npm_lifecycle_event === undefined ? "holdfast" : "npx holdfast";
  const organization = node.organizations.includes("demo") ? "demo" : node.organizations[0];
  const line = (title: string, text: string) => printLine(stdout, `  ${title.padEnd(15)}${text}`);
  printLine(stdout, styled(stdout, "bold", `Holdfast ${version} is running.`));
  printLine(stdout);
  line("API", node.url);
  if (node.gatewayUrl !== undefined) line("OpenClaw", node.gatewayUrl);
  line("Data", node.home);
  line("Engine", `nats-server ${node.engine.version}`);
  for (const { role, pid, port } of node.engine.processes) {
    line("", `${role}: process ${pid}, port ${port}`);
  }
  line("Organizations", node.organizations.join(", ") || "none yet");
  if (node.adminToken !== undefined) {
    line("Admin token", styled(stdout, "bold", node.adminToken));
    line("", `shown this once; it also stands in ${node.home}/admin-token`);
  }
  printLine(stdout);
  const first = organization === undefined ? "get organizations" : tryLine(organization);
  line("Try it", styled(stdout, "bold", `${command} ${first}`));
  line("Stop it", "Ctrl-C");
}

function tryLine(organization: string): string {
  return organization === "demo" ? "chat demo/greeter" : `get agents --org ${organization}`;
}
