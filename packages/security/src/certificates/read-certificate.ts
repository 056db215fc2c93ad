import { X509Certificate as ParsedCertificate } from "node:crypto";
import { limits } from "@holdfast/core";
import { type CertificateIdentity, invalidCertificate, parseSpiffeId } from "./identity.ts";
import { SubjectAlternativeNameExtension, X509Certificate } from "./x509.ts";

/** What a leaf certificate says of itself. It is not verified: anybody can write one. */
export interface CertificateFacts extends CertificateIdentity {
  /** DNS names and addresses. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Hex. */
  readonly serial: string;
  /** SHA-256 of the DER, 64 characters of lower-case hex. */
  readonly fingerprint: string;
}

/** Reads the first certificate of a PEM text. Errors: `certificate_invalid`, also for an authority's. */
export function readCertificate(pem: string): CertificateFacts {
  const parsed = firstCertificate(pem);
  if (parsed.ca) throw invalidCertificate("This is an authority's certificate, not a leaf.");
  const { certificate, names } = withNames(parsed);
  const ids = names.filter(({ type }) => type === "url");
  const [id] = ids;
  // SPIFFE: exactly one URI. With several, readers could differ on whom it speaks for.
  if (!id || ids.length > 1) {
    throw invalidCertificate(`The certificate has ${ids.length} identities where one is expected.`);
  }
  return {
    ...parseSpiffeId(id.value),
    hosts: names.filter(({ type }) => type === "dns" || type === "ip").map(({ value }) => value),
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
    serial: certificate.serialNumber,
    fingerprint: fingerprintOf(parsed),
  };
}

/**
 * SHA-256 of the DER of the first certificate in a PEM text, a leaf's or an authority's, as 64
 * characters of lower-case hex. Errors: `certificate_invalid`.
 */
export function certificateFingerprint(pem: string): string {
  return fingerprintOf(firstCertificate(pem));
}

function withNames({ raw }: ParsedCertificate) {
  try {
    const certificate = new X509Certificate(raw);
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    return { certificate, names };
  } catch (cause) {
    throw invalidCertificate("The certificate's extensions cannot be read.", cause);
  }
}

/** Errors: `certificate_invalid`. */
export function firstCertificate(pem: string | Uint8Array): ParsedCertificate {
  if (pem.length > limits.certificateChars) {
    throw invalidCertificate(
      `The certificate has ${pem.length} characters; ${limits.certificateChars} are allowed.`,
    );
  }
  try {
    return new ParsedCertificate(pem);
  } catch (cause) {
    throw invalidCertificate("This is no X.509 certificate.", cause);
  }
}

export function fingerprintOf(certificate: ParsedCertificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}
