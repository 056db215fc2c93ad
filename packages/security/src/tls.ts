import { constants, createPrivateKey, type X509Certificate } from "node:crypto";
import type { ConnectionOptions, TlsOptions, TLSSocket } from "node:tls";
import { type Clock, HoldfastError } from "@holdfast/core";
import { type CertificateIdentity, invalidCertificate } from "./certificates/identity.ts";
import { withLineEnd } from "./certificates/keys.ts";
import {
  firstCertificate,
  fingerprintOf,
  readCertificate,
} from "./certificates/read-certificate.ts";

/** A certificate with the authority that signed it, and its key. */
export interface TlsIdentity {
  readonly certificatePem: string;
  readonly authorityPem: string;
  readonly privateKeyPem: string;
}

export interface ServerTls {
  readonly identity: TlsIdentity;
  /** PEMs of the authorities whose certificates are accepted. */
  readonly bundle: readonly string[];
  /**
   * `required` refuses whoever shows none; with `optional` the socket's `authorized` tells; `none` does
   * not ask, for people's clients.
   */
  readonly clientCertificates: "required" | "optional" | "none";
}

export interface ClientTls {
  readonly identity?: TlsIdentity;
  /** PEMs of the only authorities that are trusted: those of the machine are not. */
  readonly bundle: readonly string[];
}

const version = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;

/** For `tls.createServer`, `https.createServer` and, on renewal, `server.setSecureContext`. */
export function serverTlsOptions({ identity, bundle, clientCertificates }: ServerTls): TlsOptions {
  return {
    ...version,
    ...presented(identity),
    ca: [...bundle],
    requestCert: clientCertificates !== "none",
    rejectUnauthorized: clientCertificates === "required",
    // A resumed session would skip the look at the client's certificate, which may have ended since.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** For `tls.connect` and `https.request`. The server's name is checked against its certificate. */
export function clientTlsOptions({ identity, bundle }: ClientTls): ConnectionOptions {
  return {
    ...version,
    ...(identity ? presented(identity) : {}),
    ca: [...bundle],
    rejectUnauthorized: true,
  };
}

/** Leaf and authority: a joining node, which trusts nobody yet, finds there whom it was told to trust. */
function presented({ certificatePem, authorityPem, privateKeyPem }: TlsIdentity) {
  return { key: privateKeyPem, cert: withLineEnd(certificatePem) + authorityPem };
}

export interface Pin {
  readonly cluster: string;
  /** SHA-256 of the authority's certificate, 64 characters of lower-case hex. */
  readonly fingerprint: string;
  readonly clock: Clock;
}

/**
 * Whether a server that nobody vouches for is a node of the cluster, judged by its authority's
 * fingerprint alone: the certificate of that authority is in the chain (DER, leaf first), and it signed
 * the leaf, which is in date and a node's. That the authority's certificate is shown proves nothing by
 * itself, since it is public. The leaf's key is proved by the handshake; look before anything is sent.
 * Returns the authority's PEM. Errors: `certificate_invalid`.
 */
export function pinnedFetchCheck(chain: readonly Uint8Array[], pin: Pin): string {
  const [leaf, ...others] = chain.map((der) => firstCertificate(der));
  const pinned = others.find((each) => fingerprintOf(each) === pin.fingerprint);
  if (!leaf || !pinned) {
    throw invalidCertificate("The server is not of the authority that was named.");
  }
  if (!pinned.ca || !leaf.verify(pinned.publicKey)) {
    throw invalidCertificate("The server's certificate is not signed by the authority it shows.");
  }
  const { kind, cluster } = readCertificate(leaf.toString());
  if (kind !== "node" || cluster !== pin.cluster) {
    throw invalidCertificate(`The server is not a node of the cluster ${pin.cluster}.`);
  }
  checkDates(leaf, pin.clock.now());
  checkDates(pinned, pin.clock.now());
  return withLineEnd(pinned.toString());
}

/**
 * Whether a certificate is what was asked for, before it is written: signed by the authority that comes
 * with it, which is one of `trusted` (SHA-256), for this key and this subject. Errors: `certificate_invalid`.
 */
export function checkIssued(
  { certificatePem, authorityPem, privateKeyPem }: TlsIdentity,
  trusted: readonly string[],
  { kind, cluster, node }: Required<CertificateIdentity>,
): void {
  const authority = firstCertificate(authorityPem);
  if (!authority.ca || !trusted.includes(fingerprintOf(authority))) {
    throw invalidCertificate("The answer is of another authority than the one that is trusted.");
  }
  const certificate = firstCertificate(certificatePem);
  const isOurs =
    certificate.verify(authority.publicKey) &&
    certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
  const named = readCertificate(certificatePem);
  // An engine's certificate names no node.
  const isNamed = named.kind === kind && named.cluster === cluster;
  if (!isOurs || !isNamed || (kind !== "engine" && named.node !== node)) {
    throw invalidCertificate("The answer holds a certificate that was not asked for.");
  }
}

function checkDates({ validFromDate, validToDate }: X509Certificate, now: number): void {
  if (validFromDate.getTime() <= now && now < validToDate.getTime()) return;
  throw new HoldfastError(
    "certificate_invalid",
    `The server's certificate is valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()}; check this machine's clock.`,
  );
}

/** The certificates that the other side of a finished handshake showed, as DER, leaf first. */
export function peerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
