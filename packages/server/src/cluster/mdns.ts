import { networkInterfaces } from "node:os";
import type { EventEmitter } from "node:events";
import { Bonjour, type Service } from "bonjour-service";
import { type Clock, HoldfastError, limits } from "@holdfast/core";
import { isLoopbackHost } from "./discover-spec.ts";

const serviceType = "holdfast";
/** One part of a DNS name (RFC 1035). */
const labelLength = 63;

/** What a node says of itself in the local network. */
export interface Announcement {
  readonly cluster: string;
  /** SHA-256 of the cluster's authority, as the join token names it. */
  readonly fingerprint: string;
  readonly version: string;
  /** Where its API is reached. */
  readonly url: string;
}

export interface MdnsOptions {
  /** Hears what could not be heard or said; the rest goes on. */
  readonly report: (error: HoldfastError, where: string) => void;
  /** IPv4 addresses of the interfaces; all of the machine when absent. */
  readonly interfaces?: readonly string[];
}

export interface Advertisement {
  close(): Promise<void>;
}

/** Whether and where a node that listens at `host` is announced: IPv4 addresses of interfaces. */
export function announcedInterfaces(
  host: string,
  wish: "on" | "off" | undefined,
): readonly string[] {
  if (wish === "off") return [];
  if (isLoopbackHost(host)) return wish === "on" ? ["127.0.0.1"] : [];
  return ipv4Interfaces(false);
}

/** Announces a node until it is closed. Never fails: discovery is a convenience. */
export function advertise(
  node: string,
  announcement: Announcement,
  options: MdnsOptions,
): Advertisement {
  const { cluster, fingerprint, version, url } = announcement;
  const { port } = new URL(url);
  const instances = open(options, options.interfaces ?? ipv4Interfaces(false));
  for (const instance of instances) {
    instance.publish({
      name: `${node.slice(0, labelLength - cluster.length - 1)}-${cluster}`,
      type: serviceType,
      host: `${node}.local`,
      port: Number(port) || 443,
      // Each value has its own record of 255 bytes at most.
      txt: { cluster, fingerprint, version, url },
      // The question whether the name is taken would only print to the console.
      probe: false,
    });
  }
  return { close: async () => void (await Promise.all(instances.map(close))) };
}

export interface Browsed {
  readonly urls: readonly string[];
  /** What else was heard, in words, for whoever wonders. */
  readonly strangers: readonly string[];
}

/**
 * The nodes of one cluster in the local network that answer within `limits.discoveryMdnsMs`; ends early
 * when `isEnough` says so. Others are named as strangers. Errors: `discovery_failed`.
 */
export async function browse(
  wanted: Pick<Announcement, "cluster" | "fingerprint">,
  options: MdnsOptions & { readonly clock: Clock; readonly isEnough?: (found: number) => boolean },
): Promise<Browsed> {
  const interfaces = options.interfaces ?? ipv4Interfaces(true);
  if (interfaces.length === 0) {
    throw new HoldfastError("discovery_failed", "This machine has no IPv4 network to ask in.");
  }
  const instances = open(options, interfaces);
  const urls = new Set<string>();
  const strangers = new Set<string>();
  try {
    await new Promise<void>((resolve) => {
      const cancel = options.clock.schedule(limits.discoveryMdnsMs, resolve);
      const hear = (service: Service) => {
        const heard = judge(service, wanted);
        if ("url" in heard) urls.add(heard.url);
        else if (strangers.size < limits.discoveredAddresses) strangers.add(heard.stranger);
        const isFull = urls.size >= limits.discoveredAddresses;
        if (isFull || options.isEnough?.(urls.size)) {
          cancel();
          resolve();
        }
      };
      for (const instance of instances) instance.find({ type: serviceType }, hear);
    });
  } finally {
    await Promise.all(instances.map(close));
  }
  return { urls: [...urls], strangers: [...strangers] };
}

/** What was heard: anybody in the network may say anything. */
export function judge(
  service: { readonly name?: string; readonly txt?: unknown },
  wanted: Pick<Announcement, "cluster" | "fingerprint">,
): { readonly url: string } | { readonly stranger: string } {
  const txt = (service.txt ?? {}) as Record<string, unknown>;
  const name = JSON.stringify((service.name ?? "").slice(0, labelLength));
  if (typeof txt["cluster"] !== "string" || typeof txt["url"] !== "string") {
    return { stranger: `${name} does not say what a Holdfast node says` };
  }
  if (txt["cluster"] !== wanted.cluster) {
    return {
      stranger: `${name} belongs to cluster ${JSON.stringify(txt["cluster"].slice(0, 40))}`,
    };
  }
  if (txt["fingerprint"] !== wanted.fingerprint) {
    return { stranger: `${name} has another certificate authority than the join token names` };
  }
  const url = URL.parse(txt["url"]);
  if (url?.protocol !== "https:") {
    return { stranger: `${name} gives an address that cannot be used` };
  }
  return { url: url.origin };
}

function ipv4Interfaces(withLoopback: boolean): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses?.find(({ family }) => family === "IPv4") ?? [])
    .filter(({ internal }) => withLoopback || !internal)
    .map(({ address }) => address)
    .slice(0, limits.discoveryInterfaces);
}

/** One socket for each interface: a machine's default route is not where its neighbours are. */
function open(options: MdnsOptions, interfaces: readonly string[]): Bonjour[] {
  return interfaces.map((address) => {
    const report = (cause: unknown) => {
      const problem = `Multicast DNS fails on ${address}: ${(cause as Error).message}.`;
      options.report(new HoldfastError("discovery_failed", problem, { cause }), "mdns");
    };
    const config = { interface: address, bind: "0.0.0.0" };
    const instance = new Bonjour(config as never, report);
    // The library leaves the socket's own errors unheard, and they would end the process.
    const { mdns } = (instance as unknown as { server: { mdns: EventEmitter } }).server;
    mdns.on("error", report);
    return instance;
  });
}

function close(instance: Bonjour): Promise<void> {
  return new Promise((resolve) => {
    instance.unpublishAll(() => instance.destroy(() => resolve()));
  });
}
