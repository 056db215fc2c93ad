import "reflect-metadata";
import { isIP } from "node:net";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { CertifiedKey, EngineCredentials } from "../credentials.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const hourMs = 3_600_000;

/** A throw-away authority for tests. */
export interface TestAuthority {
  readonly pem: string;
  /** A certificate for this path of the trust domain, on 127.0.0.1. */
  issue(path: string, options?: { readonly isExpired?: boolean }): Promise<CertifiedKey>;
  /** What a store node has. `ca` adds trust. */
  credentials(node: string, ca?: string): Promise<EngineCredentials>;
}

export async function createTestAuthority(cluster: string): Promise<TestAuthority> {
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${cluster}`,
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + 24 * hourMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  const pem = root.toString("pem");
  const issue: TestAuthority["issue"] = async (path, { isExpired = false } = {}) => {
    const own = await newKeys();
    const notAfter = Date.now() + (isExpired ? -hourMs : hourMs);
    const certificate = await X509CertificateGenerator.create(
      {
        subject: "CN=test",
        issuer: root.subject,
        notBefore: new Date(notAfter - 3 * hourMs),
        notAfter: new Date(notAfter),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new SubjectAlternativeNameExtension([
            { type: "url", value: `spiffe://${cluster}/${path}` },
            nameOf("127.0.0.1"),
          ]),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
        ],
      },
      webcrypto,
    );
    return { cert: toPem(certificate), key: await privatePem(own.privateKey) };
  };
  return {
    pem,
    issue,
    credentials: async (node, ca = pem) => ({
      ca,
      engine: await issue("engine"),
      node: await issue(`node/${node}`),
      operator: await issue(`operator/${node}`),
    }),
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function nameOf(host: string): { type: GeneralNameType; value: string } {
  return { type: isIP(host) ? "ip" : "dns", value: host };
}

function toPem(certificate: X509Certificate): string {
  return certificate.toString("pem");
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey("pkcs8", key);
  return PemConverter.encode(bytes, "PRIVATE KEY");
}
