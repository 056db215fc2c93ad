import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "@holdfast/core";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import {
  type AuthorityKey,
  createAuthorityKey,
  createLeafRequest,
  issueCertificate,
  type LeafRequest,
  parseSpiffeId,
  readCertificate,
  spiffeId,
} from "../index.ts";
import { createTestClock, testCluster as cluster } from "../testing/fixture.ts";
import { Pkcs10CertificateRequestGenerator } from "./x509.ts";

const clock = createTestClock();
const node = { kind: "node", cluster, node: "n-1", hosts: ["localhost", "127.0.0.1"] } as const;
const invalid = expect.objectContaining({ code: "certificate_invalid" });
let authority: AuthorityKey;
let request: LeafRequest;

beforeAll(async () => {
  authority = await createAuthorityKey(cluster, clock);
  request = await createLeafRequest();
});

test("a certificate says whom it speaks for, where, and from when to when", async () => {
  const before = clock.now();
  const pem = await issueCertificate(authority, request.csrPem, node, clock);
  const facts = readCertificate(pem + authority.certificatePem);
  expect(facts).toMatchObject({ kind: "node", cluster, node: "n-1" });
  expect(facts.hosts).toEqual(["localhost", "127.0.0.1"]);
  expect(facts.serial).toMatch(/^[0-9a-f]{32}$/);
  expect(Math.abs(facts.notBefore - (before - limits.certificateBackdateMs))).toBeLessThan(2_000);
  expect(Math.abs(facts.notAfter - (before + limits.certificateLifetimeMs))).toBeLessThan(2_000);
  const [leaf, ca] = [new X509Certificate(pem), new X509Certificate(authority.certificatePem)];
  expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && !leaf.ca && ca.ca).toBe(true);
  expect(leaf.checkPrivateKey(createPrivateKey(request.privateKeyPem))).toBe(true);
});

test("engines have no node's name; operators serve no host", async () => {
  const engine = await issueCertificate(
    authority,
    request.csrPem,
    { ...node, kind: "engine" },
    clock,
  );
  expect(readCertificate(engine)).toMatchObject({ kind: "engine", hosts: node.hosts });
  expect(readCertificate(engine)).not.toHaveProperty("node");
  const spec = { ...node, kind: "operator" } as const;
  const operator = readCertificate(await issueCertificate(authority, request.csrPem, spec, clock));
  expect(operator).toMatchObject({ kind: "operator", node: "n-1", hosts: [] });
});

test("serials and authorities differ each time", async () => {
  const issue = () => issueCertificate(authority, request.csrPem, node, clock);
  const serials = (await Promise.all(Array.from({ length: 50 }, issue))).map(
    (pem) => readCertificate(pem).serial,
  );
  expect(new Set(serials).size).toBe(50);
  const other = new X509Certificate((await createAuthorityKey(cluster, clock)).certificatePem);
  const mine = new X509Certificate(authority.certificatePem);
  expect([other.subject, other.serialNumber]).not.toEqual([mine.subject, mine.serialNumber]);
  expect(new X509Certificate(await issue()).checkIssued(other)).toBe(false);
});

test("an address that ends like an IPv4 one is certified as what it is", async () => {
  const hosts = ["::ffff:10.1.2.3", "64:ff9b::192.0.2.1"];
  const pem = await issueCertificate(authority, request.csrPem, { ...node, hosts }, clock);
  const leaf = new X509Certificate(pem);
  for (const host of ["::ffff:a01:203", "64:ff9b::c000:201"]) expect(leaf.checkIP(host)).toBe(host);
});

test("a certificate never outlives its authority", async () => {
  const old = createTestClock();
  old.jump(limits.authorityLifetimeMs - 3_600_000);
  const pem = await issueCertificate(authority, request.csrPem, node, old);
  const end = new X509Certificate(authority.certificatePem).validToDate.getTime();
  expect(readCertificate(pem).notAfter).toBe(end);
  old.jump(4 * 3_600_000);
  await expect(issueCertificate(authority, request.csrPem, node, old)).rejects.toEqual(invalid);
});

test("any hosts and names come back as they were given, hosts in lower case", async () => {
  const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?$/);
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc
      .array(fc.stringMatching(/^[a-zA-Z](?:[a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?$/), {
        minLength: 1,
        maxLength: 4,
      })
      .map((labels) => labels.join(".")),
  );
  const subject = fc.record({
    kind: fc.constantFrom("node", "engine"),
    cluster: label,
    node: label,
    hosts: fc.uniqueArray(host, { maxLength: 8, selector: canonical }),
  });
  await fc.assert(
    fc.asyncProperty(subject, async (spec) => {
      const facts = readCertificate(await issueCertificate(authority, request.csrPem, spec, clock));
      expect(facts.hosts.map(canonical)).toEqual(spec.hosts.map(canonical));
      expect(parseSpiffeId(spiffeId(facts))).toEqual(parseSpiffeId(spiffeId(spec)));
    }),
    { numRuns: 60 },
  );
});

test.each([
  ["no PEM", "nonsense"],
  ["empty", ""],
  ["too long", "-".repeat(limits.certificateChars + 1)],
])("a request is refused that is %s", async (_what, csrPem) => {
  await expect(issueCertificate(authority, csrPem, node, clock)).rejects.toEqual(invalid);
});

test("a request is refused of which any signed bit differs", async () => {
  const der = Buffer.from(request.csrPem.replaceAll(/-----.*?-----|\s/g, ""), "base64");
  // What is signed is the first element inside: tag, length in one byte, content.
  const begin = ((der[1] ?? 0) & 0x80 ? (der[1] ?? 0) & 0x7f : 0) + 2;
  const end = begin + 2 + (der[begin + 1] ?? 0);
  expect(der[begin + 1]).toBeLessThan(0x80);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: begin * 8, max: end * 8 - 1 }), async (bit) => {
      const changed = Buffer.from(der);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const csrPem = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
      await expect(issueCertificate(authority, csrPem, node, clock)).rejects.toEqual(invalid);
    }),
    { numRuns: 200 },
  );
});

test.each([
  { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  { name: "Ed25519" },
  {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 1024,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: "SHA-256",
  },
])("a request for a key of another kind is refused: $name $namedCurve", async (algorithm) => {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as never;
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  const issued = issueCertificate(authority, csr.toString("pem"), node, clock);
  await expect(issued).rejects.toEqual(invalid);
});

test.each([
  "*.example.com",
  "a b",
  "",
  "a..b",
  "fe80::1%eth0",
  "x".repeat(64),
  "http://a",
  "a/b",
  "ä.de",
])("the host %j is refused", async (host) => {
  const issued = issueCertificate(authority, request.csrPem, { ...node, hosts: [host] }, clock);
  await expect(issued).rejects.toEqual(invalid);
});

test("too many hosts, and names that are no names, are refused", async () => {
  const hosts = Array.from({ length: limits.certificateHosts + 1 }, (_, i) => `h${i}`);
  for (const wrong of [{ hosts }, { node: "a/b" }, { node: "" }, { cluster: "A.b" }]) {
    const issued = issueCertificate(authority, request.csrPem, { ...node, ...wrong }, clock);
    await expect(issued).rejects.toEqual(invalid);
  }
});

test.each([
  "",
  "spiffe://c",
  "spiffe://c/",
  "spiffe://c/node",
  "spiffe://c/node/",
  "spiffe://c/node/a/b",
  "spiffe://c/engine/a",
  "spiffe://c/root/a",
  "spiffe://C/node/a",
  "spiffe://c/node/a?x",
  "https://c/node/a",
  "spiffe://c/node/..",
])("%j is no identity", (text) => {
  expect(() => parseSpiffeId(text)).toThrow(invalid);
});

test("what is no leaf of a cluster cannot be read, and only that error comes", async () => {
  expect(() => readCertificate(authority.certificatePem)).toThrow(invalid);
  const pem = await issueCertificate(authority, request.csrPem, node, clock);
  const der = Buffer.from(pem.replaceAll(/-----.*?-----|\s/g, ""), "base64");
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const changed = Buffer.from(der);
      changed[at] = byte;
      const text = `-----BEGIN CERTIFICATE-----\n${changed.toString("base64")}\n-----END CERTIFICATE-----\n`;
      try {
        readCertificate(text);
      } catch (thrown) {
        expect(thrown).toEqual(invalid);
      }
    }),
    { numRuns: 500 },
  );
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

test.skipIf(!hasOpenssl)("openssl agrees: strict chain, purposes, hosts, extensions", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-certificates-"));
  try {
    const openssl = (...words: string[]) =>
      execFileSync("openssl", words, { cwd: folder, encoding: "utf8", stdio: "pipe" });
    const hosts = ["db.example.com", "10.1.2.3", "2001:db8::7"];
    writeFileSync(join(folder, "ca.pem"), authority.certificatePem);
    writeFileSync(join(folder, "request.pem"), request.csrPem);
    const write = async (kind: "node" | "operator") => {
      const spec = { ...node, kind, hosts };
      writeFileSync(
        join(folder, `${kind}.pem`),
        await issueCertificate(authority, request.csrPem, spec, clock),
      );
    };
    await write("node");
    await write("operator");
    const verify = (...words: string[]) =>
      openssl("verify", "-x509_strict", "-CAfile", "ca.pem", ...words);
    openssl("req", "-in", "request.pem", "-verify", "-noout");
    for (const purpose of ["sslclient", "sslserver"]) verify("-purpose", purpose, "node.pem");
    verify("-verify_hostname", "db.example.com", "node.pem");
    verify("-verify_ip", "10.1.2.3", "node.pem");
    verify("-verify_ip", "2001:db8::7", "node.pem");
    verify("-purpose", "sslclient", "operator.pem");
    expect(() => verify("-purpose", "sslserver", "operator.pem")).toThrow();
    expect(() => verify("-verify_hostname", "other.example.com", "node.pem")).toThrow();
    const text = openssl("x509", "-in", "node.pem", "-noout", "-text");
    expect(text).toContain(`URI:spiffe://${cluster}/node/n-1`);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toContain("Signature Algorithm: ecdsa-with-SHA256");
    const ca = openssl("x509", "-in", "ca.pem", "-noout", "-text", "-fingerprint", "-sha256");
    expect(ca).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(ca.replaceAll(":", "").toLowerCase()).toContain(authority.fingerprint);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** One text for all ways to write an address or name. */
function canonical(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase();
}
