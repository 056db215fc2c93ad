import { hash, X509Certificate } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TlsCredentials } from "../nats/tls.ts";
import { engineIdentity } from "./accounts.ts";
import type { EngineHome } from "./engine-home.ts";
import type { TlsFiles } from "./server-config.ts";

/** PEM texts. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

export interface EngineCredentials {
  /** Every authority that is trusted now. */
  readonly ca: string;
  /** The servers', for clients and for routes. */
  readonly engine: CertifiedKey;
  /** This node's, as a client of the account that holds the data. */
  readonly node: CertifiedKey;
  /** This node's, as a client of the system account. */
  readonly operator: CertifiedKey;
}

const authoritiesFile = join("certs", "authorities.pem");
const engineFile = join("certs", "engine.pem");

export function tlsFiles(home: EngineHome): TlsFiles {
  return { authorities: join(home.path, authoritiesFile), engine: join(home.path, engineFile) };
}

/** Writes what the servers read, readable by this user alone. The result puts back what was there. */
export function writeCredentials(home: EngineHome, { ca, engine }: EngineCredentials): () => void {
  mkdirSync(join(home.path, "certs"), { recursive: true, mode: 0o700 });
  const before = [
    [authoritiesFile, home.write(authoritiesFile, ca)],
    [engineFile, home.write(engineFile, `${engine.cert.trim()}\n${engine.key.trim()}\n`)],
  ] as const;
  return () => {
    for (const [file, content] of before) if (content !== undefined) home.write(file, content);
  };
}

/** What a server's certificates are known by: the SHA-256 of their public key, in hex. */
export function engineKeyOf(cert: string): string {
  const key = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return hash("sha256", key, "hex");
}

/** A client of the cluster's own servers. */
export function clientTls(
  cluster: string,
  ca: string,
  { cert, key }: CertifiedKey,
): Required<TlsCredentials> {
  return { ca, cert, key, serverIdentity: engineIdentity(cluster) };
}
