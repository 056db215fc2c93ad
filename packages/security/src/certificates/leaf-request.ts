import { hash, type webcrypto } from "node:crypto";
import { limits } from "@holdfast/core";
import { invalidCertificate } from "./identity.ts";
import { createKeyPair, privateKeyToPem, signingAlgorithm, withLineEnd } from "./keys.ts";
import {
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  type PublicKey,
} from "./x509.ts";

/** A new key and the request for its certificate; the private key never leaves its node. */
export interface LeafRequest {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** PKCS#10. It names nobody: whom the certificate speaks for is decided by who signs it. */
  readonly csrPem: string;
}

export async function createLeafRequest(): Promise<LeafRequest> {
  const keys = await createKeyPair();
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm });
  return {
    privateKeyPem: await privateKeyToPem(keys.privateKey),
    csrPem: withLineEnd(request.toString("pem")),
  };
}

/**
 * The key of a request whose sender has proved that the private part is theirs. What else the request
 * wishes for is not looked at. Errors: `certificate_invalid`.
 */
export async function requestedKey(csrPem: string): Promise<PublicKey> {
  if (csrPem.length > limits.certificateChars) {
    throw invalidCertificate(
      `The certificate request has ${csrPem.length} characters; ${limits.certificateChars} are allowed.`,
    );
  }
  const { request, isProven } = await parsed(csrPem);
  const algorithm = request.publicKey.algorithm as Partial<webcrypto.EcKeyAlgorithm>;
  if (algorithm.name !== "ECDSA" || algorithm.namedCurve !== "P-256") {
    throw invalidCertificate(
      "The certificate request's key is not an elliptic curve key on P-256.",
    );
  }
  if (!isProven) throw invalidCertificate("The certificate request is not signed by its own key.");
  return request.publicKey;
}

/** SHA-256 of the key's SPKI in hex, by which a server knows another one's key. Errors: `certificate_invalid`. */
export async function requestedKeyHash(csrPem: string): Promise<string> {
  const { rawData } = await requestedKey(csrPem);
  return hash("sha256", new Uint8Array(rawData), "hex");
}

async function parsed(csrPem: string) {
  try {
    const request = new Pkcs10CertificateRequest(csrPem);
    return { request, isProven: await request.verify() };
  } catch (cause) {
    throw invalidCertificate("The certificate request is no PKCS#10 request in PEM.", cause);
  }
}
