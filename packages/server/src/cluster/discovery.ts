import { type Clock, HoldfastError, type Random } from "@holdfast/core";
import type { DiscoverSpec } from "./discover-spec.ts";
import { findByDns } from "./dns.ts";
import { browse, type MdnsOptions } from "./mdns.ts";

/** Once so many answered in the local network nobody else is waited for. */
const enoughNodes = 3;

/** What a join token says of where its cluster is. */
export interface ClusterHint {
  readonly cluster: string;
  readonly fingerprint: string;
  readonly urls: readonly string[];
}

export interface DiscoveryOptions extends MdnsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly dnsServers?: readonly string[];
  /** Hears in words what is looked for, and what was left out. */
  readonly say: (text: string) => void;
}

/**
 * Addresses to try, the likeliest first, each looked for only when those before it were taken. Without a
 * wish: those of the join token, then whoever answers in the local network. Errors: `discovery_failed`,
 * `invalid_configuration`.
 */
export async function* discover(
  spec: DiscoverSpec | undefined,
  hint: ClusterHint,
  options: DiscoveryOptions,
): AsyncGenerator<string, void, undefined> {
  if (spec?.by === "address") yield* spec.urls;
  else if (spec?.by === "dns") {
    const { dnsServers, random, say } = options;
    say(`asking DNS for the nodes of ${spec.name}`);
    yield* await findByDns(spec.name, { random, ...(dnsServers && { servers: dnsServers }) });
  } else if (spec?.by === "mdns") {
    const found = await findNear(hint, options);
    if (found.length > 0) yield* found;
    else throw new HoldfastError("discovery_failed", nobody(hint.cluster));
  } else {
    yield* hint.urls;
    // The token's own addresses are the better hint: silence in the network is then no error.
    const found = await findNear(hint, options).catch((thrown: HoldfastError) => {
      options.report(thrown, "mdns");
      return [];
    });
    yield* found.filter((url) => !hint.urls.includes(url));
  }
}

async function findNear(hint: ClusterHint, options: DiscoveryOptions): Promise<readonly string[]> {
  options.say("asking in the local network (multicast DNS)");
  const isEnough = (found: number) => found >= enoughNodes;
  const { urls, strangers } = await browse(hint, { ...options, isEnough });
  for (const stranger of strangers) options.say(`left out: ${stranger}`);
  return urls;
}

function nobody(cluster: string): string {
  return `Nobody in the local network answered as a node of cluster ${cluster} (multicast DNS).`;
}
