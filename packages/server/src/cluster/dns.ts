import { Resolver } from "node:dns/promises";
import type { SrvRecord } from "node:dns";
import { isIP } from "node:net";
import { HoldfastError, limits, type Random } from "@holdfast/core";
import { addressUrl, defaultApiPort, isHostName } from "./discover-spec.ts";

export interface DnsOptions {
  readonly random: Random;
  /** `host:port` of the DNS servers to ask; without it those of the machine. */
  readonly servers?: readonly string[];
}

interface Asked<Answer> {
  readonly answers: readonly Answer[];
  /** Why there is none, where that is more than "there is no such record". */
  readonly trouble?: string;
}

/**
 * API addresses of the nodes that DNS knows under a name: the SRV records `_holdfast._tcp.NAME`, and
 * without any the addresses of NAME itself with the default port. Bounded in time. Errors:
 * `discovery_failed`, which says what came.
 */
export async function findByDns(name: string, options: DnsOptions): Promise<string[]> {
  const resolver = newResolver(options.servers);
  const service = `_holdfast._tcp.${name}`;
  const found = await ask(service, "SRV", () => resolver.resolveSrv(service));
  if (found.answers.length > 0) return serviceUrls(service, found.answers, resolver, options);
  const addresses = await addressesOf(name, resolver);
  const { usable, faults } = sortAddresses(addresses.answers);
  if (usable.length > 0) {
    return usable.map((host) => addressUrl(host, defaultApiPort)).slice(0, most);
  }
  const said = [found.trouble, addresses.trouble, ...faults].filter((each) => each !== undefined);
  throw failed(
    said.length > 0
      ? `DNS gave no node for ${name}: ${said.join("; ")}.`
      : `DNS knows neither SRV records of ${service} nor addresses of ${name}.`,
  );
}

const most = limits.discoveredAddresses;

function newResolver(servers: readonly string[] | undefined): Resolver {
  const resolver = new Resolver({
    timeout: limits.discoveryDnsTryMs,
    tries: limits.discoveryDnsTries,
    maxTimeout: limits.discoveryDnsTryMs,
  });
  if (!servers) return resolver;
  try {
    resolver.setServers(servers);
    return resolver;
  } catch (cause) {
    const problem = `HOLDFAST_DNS is ${servers.join(",")}; expected ADDRESS or ADDRESS:PORT.`;
    throw new HoldfastError("invalid_configuration", problem, { cause });
  }
}

async function serviceUrls(
  service: string,
  records: readonly SrvRecord[],
  resolver: Resolver,
  { random }: DnsOptions,
): Promise<string[]> {
  const { usable, faults } = sortServices(records, random);
  if (usable.length === 0) {
    throw failed(`The SRV records of ${service} lead to no node: ${faults.join("; ")}.`);
  }
  const urls = await Promise.all(
    usable.slice(0, most).map(async ({ name, port }) => {
      // The server that knows the record may be the only one that knows the name.
      const { answers } = await addressesOf(name, resolver);
      const hosts = sortAddresses(answers).usable;
      return (hosts.length > 0 ? hosts : [name]).map((host) => addressUrl(host, port));
    }),
  );
  return [...new Set(urls.flat())].slice(0, most);
}

/** Records that can be used, best first (RFC 2782), and what is wrong with the others. */
export function sortServices(
  records: readonly SrvRecord[],
  random: Random,
): { usable: SrvRecord[]; faults: string[] } {
  const faults: string[] = [];
  const usable: { record: SrvRecord; draw: number }[] = [];
  for (const record of records) {
    const fault = serviceFault(record);
    if (fault === undefined) {
      // The smallest of exponential draws with these rates is each with its weight's probability.
      const draw = -Math.log(1 - random.next()) / Math.max(record.weight, 0.01);
      usable.push({ record, draw });
    } else if (faults.length < 5) faults.push(fault);
  }
  usable.sort((a, b) => a.record.priority - b.record.priority || a.draw - b.draw);
  return { usable: usable.map(({ record }) => record), faults };
}

function serviceFault({ name, port }: SrvRecord): string | undefined {
  if (name === "" || name === ".") return "one says that the service is not offered";
  if (port === 0) return `${shown(name)} has port 0`;
  // Some servers put an address where a name must stand; what is meant is plain.
  if (isIP(name) === 0 && !isHostName(name)) return `${shown(name)} is no host name`;
  return undefined;
}

async function addressesOf(name: string, resolver: Resolver): Promise<Asked<string>> {
  if (isIP(name) !== 0) return { answers: [name] };
  const [v4, v6] = await Promise.all([
    ask(name, "A", () => resolver.resolve4(name)),
    ask(name, "AAAA", () => resolver.resolve6(name)),
  ]);
  const trouble = v4.trouble ?? v6.trouble;
  return {
    answers: [...v4.answers, ...v6.answers],
    ...(trouble !== undefined && { trouble }),
  };
}

/** Addresses at which one machine can listen, and the others in words. */
function sortAddresses(addresses: readonly string[]): {
  usable: string[];
  faults: string[];
} {
  const usable: string[] = [];
  const faults: string[] = [];
  for (const address of addresses) {
    if (isIP(address) === 0 || isNoHost(address)) {
      if (faults.length < 5) faults.push(`${shown(address)} is the address of no machine`);
    } else usable.push(address);
  }
  return { usable, faults };
}

/** Unspecified, multicast and broadcast addresses. */
function isNoHost(address: string): boolean {
  if (isIP(address) === 6) return address === "::" || /^ff/i.test(address);
  const first = Number(address.split(".")[0]);
  return first === 0 || first >= 224;
}

async function ask<Answer>(
  name: string,
  type: string,
  resolve: () => Promise<Answer[]>,
): Promise<Asked<Answer>> {
  try {
    return { answers: await resolve() };
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (code === "ENOTFOUND" || code === "ENODATA") return { answers: [] };
    const why = reasons.get(code) ?? `it failed with ${code || String(thrown)}`;
    return { answers: [], trouble: `asked for ${type} of ${name}, ${why}` };
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ETIMEOUT", "the server did not answer in time"],
  ["ECONNREFUSED", "no server listens there"],
  ["EBADRESP", "the server answered with what is no DNS answer"],
  ["EFORMERR", "the server did not understand the question"],
  ["ESERVFAIL", "the server failed (SERVFAIL)"],
  ["EREFUSED", "the server refused"],
  ["ENOTIMP", "the server does not know such questions"],
  ["EBADNAME", "that is no name"],
]);

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}

function failed(problem: string): HoldfastError {
  return new HoldfastError("discovery_failed", problem);
}
