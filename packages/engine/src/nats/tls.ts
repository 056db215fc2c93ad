import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { ConnectionOptions } from "@nats-io/transport-node";

/** PEM texts. */
export interface TlsCredentials {
  /** Authorities that are trusted; the system's without. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** URI that the server's certificate must have, as `spiffe://hf-x/engine`; without, its host's name. */
  readonly serverIdentity?: string;
}

/** TLS 1.3. The client reads the object at each connection, so that its content may be replaced. */
export function tlsOptions(
  { serverIdentity, ...credentials }: TlsCredentials,
  servers: readonly string[],
): NonNullable<ConnectionOptions["tls"]> {
  const options = {
    ...credentials,
    minVersion: "TLSv1.3",
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      serverIdentity === undefined
        ? checkHost(host, certificate, servers)
        : checkUri(serverIdentity, certificate),
  };
  return options;
}

/**
 * Only the servers' own certificates name this: another node's certificate of the same authority does not
 * make a server, at whatever address.
 */
function checkUri(wanted: string, { subjectaltname }: PeerCertificate): Error | undefined {
  // Node quotes a name that holds a comma, so that none can pretend to be two.
  if (subjectaltname?.split(", ").includes(`URI:${wanted}`)) return undefined;
  return new Error(`The server's certificate does not name ${wanted}.`);
}

/** The client does not tell the host when that is an address: any of the configured ones is right then. */
function checkHost(
  host: string,
  certificate: PeerCertificate,
  servers: readonly string[],
): Error | undefined {
  const addresses = servers.map(hostOf).filter((each) => isIP(each) > 0);
  const hosts = host === "localhost" ? [host, ...addresses] : [host];
  const problems = hosts.map((each) => checkServerIdentity(each, certificate));
  return problems.includes(undefined) ? undefined : problems[0];
}

function hostOf(server: string): string {
  try {
    const { hostname } = new URL(server.includes("://") ? server : `nats://${server}`);
    return hostname.replace(/^\[|\]$/g, "");
  } catch {
    return "";
  }
}
