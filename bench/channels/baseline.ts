import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BenchChild } from "../lib/child.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import type { Target } from "./generator.ts";

export interface BaselineOptions {
  readonly folder: string;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  readonly stubUrl: string;
}

export interface Baseline {
  readonly pid: number;
  readonly target: Target;
  stop(): Promise<void>;
}

/** With the certificate of a node, so that its connections cost what the node's do. */
export async function startBaseline(
  node: ClusterNode,
  folder: string,
  stubUrl: string,
): Promise<Baseline> {
  const identity = JSON.parse(readFileSync(join(node.home, "identity.json"), "utf8")) as Identity;
  const child = new BenchChild({ entry: new URL("./baseline-process.ts", import.meta.url) });
  const options: BaselineOptions = {
    folder,
    key: identity.requests.node.privateKeyPem,
    cert: identity.certificates.node,
    stubUrl,
  };
  const url = await child.ask<string>("start", options);
  const ca = readFileSync(join(node.home, "ca.pem"), "utf8");
  return { pid: child.pid, target: { url, ca }, stop: () => child.stop() };
}

interface Identity {
  readonly requests: { readonly node: { readonly privateKeyPem: string } };
  readonly certificates: { readonly node: string };
}
