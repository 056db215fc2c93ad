import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPackages } from "../lib/packages.ts";
import type { StartOptions } from "./contender.ts";

export const openClawVersion = "2026.9.6";
export const openClawToken = "bench-peers";

/** Agents of OpenClaw's configuration; conversations belong to them in turn. */
const agents = 16;
const setupTimeoutMs = 120_000;

/** What OpenClaw sends to the model in its first turns, when this run has not measured it. */
const defaultPromptBytes = 59_400;
let measuredPromptBytes: number | undefined;

export function promptBytes(): number {
  return measuredPromptBytes ?? defaultPromptBytes;
}

export function notePromptBytes(bytes: number): void {
  measuredPromptBytes ??= Math.round(bytes);
}

export function promptAgent(conversation: number): string {
  return `a${conversation % agents}`;
}

export function sessionKey(conversation: number): string {
  return `agent:${promptAgent(conversation)}:c${conversation}`;
}

export interface OpenClawHome {
  /** Holds openclaw.json. */
  readonly folder: string;
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * A state folder with agents that each have a copy of the workspace that `openclaw setup --baseline` makes,
 * and the stub as their model.
 */
export async function openClawHome(options: StartOptions, port = 0): Promise<OpenClawHome> {
  const packages = await installPackages(options.cache, [`openclaw@${openClawVersion}`]);
  const entry = join(packages, "node_modules", "openclaw", "openclaw.mjs");
  const seed = await seedWorkspace(options.folder, entry);
  const folder = join(options.folder, "openclaw");
  mkdirSync(folder, { recursive: true });
  const entries: Record<string, object> = {};
  for (let number = 0; number < agents; number += 1) {
    const workspace = join(folder, `workspace-a${number}`);
    cpSync(seed, workspace, { recursive: true });
    entries[`a${number}`] = { workspace };
  }
  const config = {
    gateway: {
      mode: "local",
      bind: "loopback",
      port: port || undefined,
      auth: { mode: "token", token: openClawToken },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    logging: { file: join(folder, "gateway.log") },
    models: {
      providers: {
        stub: {
          baseUrl: options.stub.url,
          apiKey: "none",
          api: "openai-completions",
          models: [{ id: "stub", name: "stub", contextWindow: 200_000, maxTokens: 4_096 }],
        },
      },
    },
    agents: { defaults: { model: { primary: "stub/stub" } }, entries },
  };
  writeFileSync(join(folder, "openclaw.json"), JSON.stringify(config, undefined, 2));
  return { folder, entry, env: environment(folder) };
}

function environment(folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: folder,
    OPENCLAW_STATE_DIR: folder,
    OPENCLAW_CONFIG_PATH: join(folder, "openclaw.json"),
  };
}

async function seedWorkspace(scratch: string, entry: string): Promise<string> {
  const folder = join(scratch, "openclaw-seed");
  const workspace = join(folder, "workspace");
  if (existsSync(workspace)) return workspace;
  mkdirSync(folder);
  const args = [entry, "setup", "--baseline", "--workspace", workspace];
  await promisify(execFile)(process.execPath, args, {
    timeout: setupTimeoutMs,
    env: environment(folder),
  });
  if (!readdirSync(workspace).includes("AGENTS.md")) throw new Error("OpenClaw made no workspace");
  return workspace;
}
