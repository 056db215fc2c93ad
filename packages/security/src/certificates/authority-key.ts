import { type Clock, limits } from "@holdfast/core";
import { certificateFingerprint } from "./read-certificate.ts";
import { createKeyPair, privateKeyToPem, signingAlgorithm, withLineEnd } from "./keys.ts";
import { checkedDates, newSerial } from "./validity.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "./x509.ts";

/** A certificate authority: whoever holds the private key can speak as every node of the cluster. */
export interface AuthorityKey {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** SHA-256 of the certificate's DER, 64 characters of lower-case hex. */
  readonly fingerprint: string;
}

/**
 * Makes an authority of its own for a cluster. Each has a subject of its own, so that while two are
 * trusted in a rotation every verifier finds the right one by name.
 */
export async function createAuthorityKey(cluster: string, clock: Clock): Promise<AuthorityKey> {
  const keys = await createKeyPair();
  const serialNumber = newSerial();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: [{ O: [cluster] }, { CN: [`Holdfast authority ${serialNumber.slice(0, 12)}`] }],
    ...checkedDates(
      clock.now() - limits.certificateBackdateMs,
      clock.now() + limits.authorityLifetimeMs,
    ),
    signingAlgorithm,
    keys,
    extensions: [
      // Path length 0: it signs leaves only, never another authority.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certificatePem = withLineEnd(certificate.toString("pem"));
  return {
    certificatePem,
    privateKeyPem: await privateKeyToPem(keys.privateKey),
    fingerprint: certificateFingerprint(certificatePem),
  };
}
