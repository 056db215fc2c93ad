import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { markdownTable, rounded } from "./figures.ts";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileSummary {
  /** Share of the time in which the event loop had something to do. */
  readonly busyShare: number;
  /** Self time as a share of the busy time, the largest first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
  readonly groups: readonly { readonly name: string; readonly share: number }[];
}

/** Self time by function and by package of what `node --cpu-prof` wrote, from the middle of the recording. */
export function summarizeProfile(profile: CpuProfile, from = 0, to = 1): ProfileSummary {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const total = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const functions = new Map<string, number>();
  const groups = new Map<string, number>();
  let at = 0;
  let idle = 0;
  let all = 0;
  profile.samples.forEach((id, index) => {
    const delta = profile.timeDeltas[index] ?? 0;
    at += delta;
    if (at < from * total || at > to * total) return;
    all += delta;
    const frame = frames.get(id);
    if (!frame || frame.functionName === "(idle)") {
      idle += delta;
      return;
    }
    const file = shortFile(frame.url);
    const name = `${frame.functionName || "(anonymous)"}${file ? ` ${file}:${frame.lineNumber + 1}` : ""}`;
    functions.set(name, (functions.get(name) ?? 0) + delta);
    const group = groupOf(frame.functionName, frame.url);
    groups.set(group, (groups.get(group) ?? 0) + delta);
  });
  const busy = all - idle;
  const shares = (times: Map<string, number>) =>
    [...times]
      .map(([name, time]) => ({ name, share: time / busy }))
      .sort((a, b) => b.share - a.share);
  return { busyShare: busy / all, functions: shares(functions), groups: shares(groups) };
}

/** The summary as text, for people. */
export function describeProfile(
  { busyShare, functions, groups }: ProfileSummary,
  top = 30,
): string {
  const percent = (share: number) => rounded(share * 100);
  const rows = (list: ProfileSummary["groups"]) =>
    list.map(({ name, share }) => [name, percent(share)]);
  return [
    `busy ${percent(busyShare)} % of the time; shares below are of the busy time`,
    markdownTable(["where", "%"], rows(groups.slice(0, 20))),
    markdownTable(["function", "%"], rows(functions.slice(0, top))),
  ].join("\n\n");
}

/** The newest profile in a folder. */
export function readProfile(folder: string): CpuProfile {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".cpuprofile"))
    .sort();
  const newest = files.at(-1);
  if (!newest) throw new Error(`${folder} holds no profile`);
  return JSON.parse(readFileSync(join(folder, newest), "utf8")) as CpuProfile;
}

function shortFile(url: string): string {
  return url
    .replace(/^file:\/\//, "")
    .replace(/^.*\/node_modules\//, "")
    .replace(/^.*\/packages\//, "packages/");
}

function groupOf(name: string, url: string): string {
  if (url.startsWith("node:"))
    return url.startsWith("node:_http") ? "node http" : `node ${url.slice(5).split("/")[0]}`;
  if (url === "") return name.startsWith("(") ? name : "native";
  const file = shortFile(url);
  const parts = file.split("/");
  if (file.startsWith("packages/")) return parts.slice(0, 2).join("/");
  return file.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? file);
}

if (import.meta.main) {
  const [folder, from, to] = process.argv.slice(2);
  if (!folder) throw new Error("usage: node bench/lib/profile-summary.ts FOLDER [FROM TO]");
  console.log(
    describeProfile(summarizeProfile(readProfile(folder), Number(from ?? 0), Number(to ?? 1))),
  );
}
