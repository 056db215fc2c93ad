import type { webcrypto } from "node:crypto";
import { invalidCertificate } from "./identity.ts";
import { PemConverter } from "./x509.ts";

/** Small and fast to sign with; every TLS 1.3 stack has it. */
const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
export const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

export function createKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
}

/** PKCS#8. */
export async function privateKeyToPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return withLineEnd(PemConverter.encode(der, "PRIVATE KEY"));
}

/** Errors: `certificate_invalid`. The message never holds any of the key. */
export async function privateKeyFromPem(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = PemConverter.decodeFirst(pem);
    return await crypto.subtle.importKey("pkcs8", der, keyAlgorithm, false, ["sign"]);
  } catch {
    throw invalidCertificate("The private key is not a P-256 key in PKCS#8 PEM.");
  }
}

/** PEM texts are put together one after the other, so each ends its line. */
export function withLineEnd(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}
