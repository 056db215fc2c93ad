import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { commandFlags } from "../lib/command-flags.ts";
import type { StartOptions, Workload } from "./contender.ts";
import { openClawHome, promptAgent, promptBytes, sessionKey } from "./openclaw-home.ts";
import { callApi, type PeerApi } from "./peer-api.ts";
import type { PeerTarget } from "./peer-request.ts";
import { handlerAgents, organization, tokenCount, windowChars } from "./workload.ts";

const holdfastCommand = fileURLToPath(
  new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url),
);

const importTimeoutMs = 120_000;
const waitSeconds = 60;

/** `node FLAGS holdfast.mjs …`, as the command's first line starts it. */
export function holdfastArgs(...args: readonly string[]): string[] {
  return [...commandFlags(), holdfastCommand, ...args];
}

/** Declares the workload's agents; gives where their conversations are reached, but for the servers. */
export async function declareAgents(
  api: PeerApi,
  workload: Workload,
  options: StartOptions,
): Promise<Omit<PeerTarget, "urls">> {
  if (workload === "handler") await applyBare(api, options.stub.url);
  else await importOpenClaw(api, options);
  const heads: string[] = [];
  for (let number = 0; number < tokenCount; number += 1) {
    const path = `/api/v1/orgs/${organization}/tokens`;
    const { token } = await callApi<{ token: string }>(api, "POST", path, {
      name: `load ${number}`,
    });
    heads.push(`authorization: Bearer ${token}\r\n`);
  }
  const each = <Value>(make: (conversation: number) => Value) =>
    Array.from({ length: options.conversations }, (_, conversation) => make(conversation));
  const acceptingPaths = each(
    (conversation) => `${conversationPath(workload, conversation)}/messages`,
  );
  const ca = api.ca === undefined ? {} : { ca: api.ca };
  if (workload === "handler") {
    const waitingHead = `prefer: wait=${waitSeconds}\r\n`;
    return { ...ca, paths: acceptingPaths, acceptingPaths, waitingHead, heads };
  }
  return {
    ...ca,
    paths: each(() => "/v1/chat/completions"),
    acceptingPaths,
    heads,
    chat: each((conversation) => ({
      model: `openclaw/${promptAgent(conversation)}`,
      sessionKey: sessionKey(conversation),
    })),
  };
}

export function agentOf(workload: Workload, conversation: number): string {
  return workload === "handler" ? `a${conversation % handlerAgents}` : promptAgent(conversation);
}

export function conversationPath(workload: Workload, conversation: number): string {
  const agent = agentOf(workload, conversation);
  const id = workload === "handler" ? `c${conversation}` : sessionKey(conversation);
  return `/api/v1/orgs/${organization}/agents/${agent}/conversations/${id}`;
}

async function applyBare(api: PeerApi, modelUrl: string): Promise<void> {
  await callApi(api, "POST", "/api/v1/apply", {
    resources: [
      { kind: "Organization", name: organization },
      {
        kind: "Provider",
        organization,
        name: "stub",
        type: "openai-compatible",
        baseUrl: modelUrl,
      },
      ...Array.from({ length: handlerAgents }, (_, number) => ({
        kind: "Agent",
        organization,
        name: `a${number}`,
        model: "stub/stub",
        limits: { maxContextChars: windowChars },
      })),
    ],
  });
}

/** `holdfast import openclaw`, then as much more instructions that prompts are as long as OpenClaw's. */
async function importOpenClaw(api: PeerApi, options: StartOptions): Promise<void> {
  const { folder } = await openClawHome(options);
  const args = ["import", "openclaw", folder, "--org", organization, "--yes"];
  await promisify(execFile)(process.execPath, holdfastArgs(...args), {
    timeout: importTimeoutMs,
    env: {
      ...process.env,
      HOLDFAST_URL: api.url,
      HOLDFAST_TOKEN: api.token,
      ...(api.caFile !== undefined && { NODE_EXTRA_CA_CERTS: api.caFile }),
    },
  });
  const path = `/api/v1/orgs/${organization}/agents`;
  const { items } = await callApi<{ items: Agent[] }>(api, "GET", `${path}?limit=1000`);
  const first = items[0];
  if (!first) throw new Error("the import made no agents");
  await options.stub.takeRequestBytes();
  await callApi(api, "POST", "/v1/chat/completions", {
    model: `${organization}/${first.name}`,
    messages: [{ role: "user", content: "#size.0 How long is this?" }],
  });
  const missing = promptBytes() - Math.round(await options.stub.takeRequestBytes());
  if (missing <= 0) return;
  const padding = "Be brief, be exact and say what you do not know. ";
  const more = padding.repeat(Math.ceil(missing / padding.length)).slice(0, missing);
  await callApi(api, "POST", "/api/v1/apply", {
    resources: items.map((agent) => ({
      ...agent,
      instructions: `${agent.instructions ?? ""}${more}`,
    })),
  });
}

interface Agent {
  readonly name: string;
  readonly instructions?: string;
}
