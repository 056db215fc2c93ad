import { hostname, networkInterfaces } from "node:os";
import { isIP } from "node:net";
import { HoldfastError } from "@holdfast/core";
import { chooseApiPort } from "@holdfast/engine";
import { isHostName, isLoopbackHost } from "./discover-spec.ts";

const defaultEnginePorts = { client: 7422, route: 7423 };

/** Where a node listens, and where others reach it. */
export interface NodePlace {
  /** What the API listens at. */
  readonly host: string;
  readonly port: number;
  /** What others connect to. */
  readonly advertised: string;
  readonly isTlsOnly: boolean;
  /** What people on this machine call. */
  readonly localUrl: string;
  /** What the cluster knows: always TLS. */
  readonly url: string;
  /** What the certificates name. */
  readonly hosts: readonly string[];
  /** Undefined on loopback: any that are free. */
  readonly enginePorts: { readonly client: number; readonly route: number } | undefined;
}

export interface PlaceSettings {
  readonly isTlsOnly: boolean;
  readonly advertise: string | undefined;
  readonly enginePorts: { readonly client: number; readonly route: number } | undefined;
}

/** Errors: `invalid_configuration`. */
export async function placeOf(
  host: string,
  wantedPort: number,
  { isTlsOnly, advertise, enginePorts }: PlaceSettings,
): Promise<NodePlace> {
  const advertised = advertise ?? reachable(host);
  if (isIP(advertised) === 0 && !isHostName(advertised)) {
    const problem = `HOLDFAST_ADVERTISE: ${JSON.stringify(advertised.slice(0, 80))} is neither a host name nor an address.`;
    throw new HoldfastError("invalid_configuration", problem);
  }
  // Others must know the port before the API listens.
  const port = wantedPort === 0 ? await chooseApiPort(host) : wantedPort;
  const isLoopback = isLoopbackHost(host);
  const url = `https://${bracketed(advertised)}:${port}`;
  const own = isLoopback ? [] : [hostname()].filter(isHostName);
  return {
    host,
    port,
    advertised,
    isTlsOnly,
    url,
    localUrl: isTlsOnly ? url : `http://${bracketed(host)}:${port}`,
    hosts: [...new Set([advertised, ...own, "localhost", "127.0.0.1"].map(lower))],
    enginePorts: enginePorts ?? (isLoopback ? undefined : defaultEnginePorts),
  };
}

/** An address to listen at everywhere is reached at the machine's first own one. */
function reachable(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  if (own) return own.address;
  const problem = `HOLDFAST_HOST is ${host}, and this machine has no address that others reach: set HOLDFAST_ADVERTISE.`;
  throw new HoldfastError("invalid_configuration", problem);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function lower(host: string): string {
  return host.toLowerCase();
}
