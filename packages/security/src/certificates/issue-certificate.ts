import { isIP } from "node:net";
import { type Clock, limits } from "@holdfast/core";
import type { AuthorityKey } from "./authority-key.ts";
import { type CertificateKind, invalidCertificate, spiffeId } from "./identity.ts";
import { privateKeyFromPem, signingAlgorithm, withLineEnd } from "./keys.ts";
import { requestedKey } from "./leaf-request.ts";
import { checkedDates, newSerial } from "./validity.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  GeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509.ts";

/** Whom a new certificate speaks for, and where it may be served. */
export interface CertificateSubject {
  readonly kind: CertificateKind;
  readonly cluster: string;
  readonly node: string;
  /** DNS names, IPv4 and IPv6 addresses of the node's host; an operator serves nothing and gets none. */
  readonly hosts: readonly string[];
}

/**
 * The PEM of a certificate for the request's key, without its chain. It begins
 * `limits.certificateBackdateMs` ago and never outlives its authority. Errors: `certificate_invalid`.
 */
export async function issueCertificate(
  authority: AuthorityKey,
  csrPem: string,
  subject: CertificateSubject,
  clock: Clock,
  lifetimeMs: number = limits.certificateLifetimeMs,
): Promise<string> {
  const publicKey = await requestedKey(csrPem);
  const issuer = new X509Certificate(authority.certificatePem);
  const endMs = Math.min(clock.now() + lifetimeMs, issuer.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    issuer: issuer.subjectName,
    // For people only: what counts is the SPIFFE id.
    subject: [{ O: [subject.cluster] }, { OU: [subject.kind] }, { CN: [subject.node] }],
    ...checkedDates(clock.now() - limits.certificateBackdateMs, endMs),
    publicKey,
    signingKey: await privateKeyFromPem(authority.privateKeyPem),
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usagesOf(subject.kind)),
      new SubjectAlternativeNameExtension(alternativeNames(subject)),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return withLineEnd(certificate.toString("pem"));
}

/** Whether `issueCertificate` would take this, before anything is used up for it. Errors: as there. */
export async function checkCertifiable(csrPem: string, subject: CertificateSubject): Promise<void> {
  alternativeNames(subject);
  await requestedKey(csrPem);
}

function usagesOf(kind: CertificateKind): ExtendedKeyUsage[] {
  const { clientAuth, serverAuth } = ExtendedKeyUsage;
  return kind === "operator" ? [clientAuth] : [clientAuth, serverAuth];
}

function alternativeNames(subject: CertificateSubject): GeneralName[] {
  const { kind, hosts } = subject;
  if (hosts.length > limits.certificateHosts) {
    throw invalidCertificate(
      `${hosts.length} hosts are too many for a certificate; ${limits.certificateHosts} are allowed.`,
    );
  }
  const served = kind === "operator" ? [] : [...new Set(hosts)];
  return [new GeneralName("url", spiffeId(subject)), ...served.map(hostName)];
}

/** No wildcards: a certificate is for one host, and a name that nobody looked at must not match many. */
const dnsName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*$/i;

function hostName(host: string): GeneralName {
  if (isIP(host) === 4) return new GeneralName("ip", host);
  if (isIP(host) === 6 && !host.includes("%")) return new GeneralName("ip", withoutDots(host));
  if (dnsName.test(host)) return new GeneralName("dns", host.toLowerCase());
  throw invalidCertificate(
    `${JSON.stringify(host.slice(0, 80))} is neither a DNS name nor an IP address.`,
  );
}

/** The library reads the IPv4 end of an IPv6 address (`::ffff:1.2.3.4`) wrongly and says nothing. */
function withoutDots(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
