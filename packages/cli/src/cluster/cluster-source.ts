import { toHoldfastError } from "@holdfast/core";
import { type Client, type ClusterNode, mayGetToken } from "@holdfast/sdk";
import type { Context } from "../context.ts";
import { commandLimits } from "../limits.ts";

/** Asks the cluster through the given node, and through another one of it while that one is away. */
export interface ClusterSource {
  /** The node that answered last. */
  readonly url: string;
  /** Errors: those of `ask`, of the node that was asked first. */
  read<Value>(ask: (client: Client) => Promise<Value>): Promise<Value>;
  /** Where the cluster's nodes are now. */
  learn(nodes: readonly ClusterNode[]): void;
}

export async function openClusterSource(context: Context): Promise<ClusterSource> {
  const wishes = { attempts: 1, timeoutMs: commandLimits.liveAnswerMs } as const;
  const base = await context.client(wishes);
  const others = new Map<string, Client>();
  let current = base;
  let known: readonly string[] = [];

  const clientAt = async (url: string): Promise<Client> => {
    const client = others.get(url) ?? (await context.client({ ...wishes, url }));
    others.set(url, client);
    return client;
  };

  return {
    get url() {
      return current.url;
    },
    learn(nodes) {
      const alive = nodes.filter(({ presence, url }) => presence === "alive" && url !== base.url);
      known = alive.map(({ url }) => url).filter((url) => mayGetToken(url, base.url));
    },
    async read(ask) {
      let failure: unknown;
      for (const url of new Set([current.url, base.url, ...known])) {
        const client = url === base.url ? base : await clientAt(url);
        try {
          const value = await ask(client);
          current = client;
          return value;
        } catch (thrown) {
          failure ??= thrown;
          // Another node says the same of a wrong token or name.
          if (toHoldfastError(thrown).retry !== "safe") throw thrown;
        }
      }
      throw failure;
    },
  };
}
