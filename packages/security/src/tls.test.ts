import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  type ConnectionOptions,
  connect,
  createServer,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  type AuthorityKey,
  certificateFingerprint,
  type CertificateSubject,
  clientTlsOptions,
  createAuthorityKey,
  createLeafRequest,
  issueCertificate,
  peerChain,
  pinnedFetchCheck,
  serverTlsOptions,
  type TlsIdentity,
} from "./index.ts";
import { createTestClock, testCluster as cluster } from "./testing/fixture.ts";

const clock = createTestClock();
const cleanups: (() => Promise<void>)[] = [];
let authority: AuthorityKey;
let stranger: AuthorityKey;
let server: TlsIdentity;
let client: TlsIdentity;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([
    createAuthorityKey(cluster, clock),
    createAuthorityKey(cluster, clock),
  ]);
  server = await identity(authority, { node: "n-1" });
  client = await identity(authority, { node: "n-2" });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const trusting = (...keys: AuthorityKey[]) => keys.map(({ certificatePem }) => certificatePem);
const mutual = (bundle = trusting(authority), own = server) =>
  serverTlsOptions({ identity: own, bundle, clientCertificates: "required" });

test("two nodes of a cluster talk TLS 1.3, each knowing the other", async () => {
  const at = await listen(mutual());
  for (const host of ["127.0.0.1", "localhost", "::1"]) {
    const met = await handshake(at, {
      ...clientTlsOptions({ identity: client, bundle: trusting(authority) }),
      host,
    });
    expect(met).toEqual({ protocol: "TLSv1.3", greeting: "spiffe n-2" });
  }
});

test("in the middle of a rotation nodes of the old and the new authority talk", async () => {
  const both = trusting(authority, stranger);
  const renewed = await identity(stranger, { node: "n-3" });
  const at = await listen(mutual(both));
  for (const own of [client, renewed])
    expect(await handshake(at, clientTlsOptions({ identity: own, bundle: both }))).toMatchObject({
      protocol: "TLSv1.3",
    });
});

test("a server takes a renewed certificate over without a restart", async () => {
  const at = await listen(mutual());
  at.setSecureContext(mutual(trusting(stranger), await identity(stranger, { node: "n-1" })));
  const own = await identity(stranger, { node: "n-3" });
  const met = await handshake(at, clientTlsOptions({ identity: own, bundle: trusting(stranger) }));
  expect(met).toMatchObject({ greeting: "spiffe n-3" });
  await refused(at, clientTlsOptions({ identity: client, bundle: trusting(stranger) }));
});

test("a client of another authority, an expired one and one without a certificate are refused", async () => {
  const at = await listen(mutual());
  const bundle = trusting(authority);
  const expired = await identity(authority, { node: "n-2" }, -60_000);
  const future = createTestClock();
  future.jump(3 * 3_600_000);
  const early = await identity(authority, { node: "n-2" }, undefined, future);
  const foreign = await identity(stranger, { node: "n-2" });
  const forged = await identity({ ...authority, privateKeyPem: stranger.privateKeyPem }, {});
  // Node ends the connection without saying why; a listener that lets everybody in tells what it saw.
  const asking = await listen({ ...mutual(), rejectUnauthorized: false });
  for (const [own, why] of [
    [undefined, "UNABLE_TO_GET_ISSUER_CERT"],
    [foreign, "SELF_SIGNED_CERT_IN_CHAIN"],
    [forged, "CERT_SIGNATURE_FAILURE"],
    [expired, "CERT_HAS_EXPIRED"],
    [early, "CERT_NOT_YET_VALID"],
  ] as const) {
    const options = clientTlsOptions({ bundle, ...(own ? { identity: own } : {}) });
    expect(await handshake(asking, options)).toMatchObject({ greeting: `nobody: ${why}` });
    await refused(at, options);
  }
  // The listener still serves.
  await handshake(at, clientTlsOptions({ identity: client, bundle }));
});

test("TLS 1.2 is refused on either side", async () => {
  const old = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
  const options = clientTlsOptions({ identity: client, bundle: trusting(authority) });
  const versions = /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/;
  const oldClient = clientFault(await listen(mutual()), { ...options, ...old });
  expect(await oldClient).toMatch(versions);
  const oldServer = await listen({ ...mutual(), ...old });
  expect(await clientFault(oldServer, options)).toMatch(versions);
});

test("a server of another authority, an expired one and one of another host are refused", async () => {
  const options = clientTlsOptions({ identity: client, bundle: trusting(authority) });
  const wrong: [TlsIdentity, RegExp][] = [
    [await identity(stranger, { node: "n-1" }), /SELF_SIGNED|UNABLE/],
    [await identity(authority, { node: "n-1" }, -60_000), /CERT_HAS_EXPIRED/],
    [await identity(authority, { node: "n-1", hosts: ["10.9.9.9"] }), /ALTNAME/],
    [await identity(authority, { node: "n-1", kind: "operator" }), /INVALID_PURPOSE/],
  ];
  for (const [own, code] of wrong) {
    const at = await listen(mutual(trusting(authority, stranger), own));
    expect(await clientFault(at, options)).toMatch(code);
  }
});

test("a client that resumes is asked for its certificate again", async () => {
  const at = await listen(mutual());
  const options = clientTlsOptions({ identity: client, bundle: trusting(authority) });
  const first = dial(at, options);
  const [session] = (await once(first, "session")) as [Buffer];
  first.destroy();
  const again = dial(at, { ...options, session });
  await once(again, "data");
  expect(again.isSessionReused()).toBe(false);
  again.destroy();
});

test("a joining node knows the cluster by the fingerprint of its authority alone", async () => {
  const pin = { cluster, fingerprint: authority.fingerprint, clock };
  const chain = await chainOf(server);
  expect(chain).toHaveLength(2);
  expect(pinnedFetchCheck(chain, pin)).toBe(authority.certificatePem);
  const [leaf, ca] = chain as [Uint8Array, Uint8Array];
  const stolen = await chainOf(await identity(stranger, { node: "n-1" }));
  const forged = { ...authority, privateKeyPem: stranger.privateKeyPem };
  const leafAsAuthority = { ...server, fingerprint: certificateFingerprint(server.certificatePem) };
  const ofLeaf = await chainOf(await identity(leafAsAuthority, { node: "n-6" }));
  const later = createTestClock();
  later.jump(25 * 3_600_000);
  for (const [what, shown, wish] of [
    ["another authority", stolen, pin],
    ["the authority's public part beside a leaf of another", [stolen[0] as Uint8Array, ca], pin],
    ["the leaf alone", [leaf], pin],
    ["the authority alone", [ca], pin],
    ["the authority as leaf", [ca, ca], pin],
    ["nothing", [], pin],
    ["nonsense", [Uint8Array.of(1, 2, 3)], pin],
    ["a leaf that says it is of the authority", await chainOf(await identity(forged, {})), pin],
    ["a leaf as authority", ofLeaf, { ...pin, fingerprint: leafAsAuthority.fingerprint }],
    ["another cluster", chain, { ...pin, cluster: "hf-other" }],
    ["an expired one", chain, { ...pin, clock: later }],
    ["an engine", await chainOf(await identity(authority, { kind: "engine" })), pin],
    ["an operator", await chainOf(await identity(authority, { kind: "operator" })), pin],
  ] as const) {
    const check = () => pinnedFetchCheck(shown, wish);
    expect(check, what).toThrow(expect.objectContaining({ code: "certificate_invalid" }));
  }
});

test("without mutual TLS a client needs no certificate, and is told apart where one is optional", async () => {
  const bundle = trusting(authority);
  const open = await listen(
    serverTlsOptions({ identity: server, bundle, clientCertificates: "none" }),
  );
  expect(await handshake(open, clientTlsOptions({ bundle }))).toMatchObject({
    greeting: "nobody: null",
  });
  const asking = await listen(
    serverTlsOptions({ identity: server, bundle, clientCertificates: "optional" }),
  );
  expect(await handshake(asking, clientTlsOptions({ bundle }))).toMatchObject({
    greeting: expect.stringContaining("nobody"),
  });
  const known = clientTlsOptions({ bundle, identity: client });
  expect(await handshake(asking, known)).toMatchObject({ greeting: "spiffe n-2" });
});

async function identity(
  from: Pick<AuthorityKey, "certificatePem" | "privateKeyPem">,
  subject: Partial<CertificateSubject>,
  lifetimeMs?: number,
  at = clock,
): Promise<TlsIdentity> {
  const { privateKeyPem, csrPem } = await createLeafRequest();
  const hosts = ["localhost", "127.0.0.1", "::1"];
  const whole = { kind: "node", cluster, node: "n-1", hosts, ...subject } as const;
  const certificatePem = await issueCertificate(
    { fingerprint: "", ...from },
    csrPem,
    whole,
    at,
    lifetimeMs,
  );
  return { certificatePem, authorityPem: from.certificatePem, privateKeyPem };
}

/** Greets whoever gets in with who they are. */
async function listen(options: TlsOptions) {
  const listener = createServer(options, (socket) => {
    socket.on("error", () => {});
    const names = socket.getPeerX509Certificate()?.subjectAltName ?? "";
    const name = /node\/(n-\d)/.exec(names)?.[1];
    const isKnown = socket.authorized && name !== undefined;
    socket.write(isKnown ? `spiffe ${name}` : `nobody: ${String(socket.authorizationError)}`);
  });
  const sockets = new Set<{ destroy(): void }>();
  listener.on("connection", (socket) => sockets.add(socket));
  listener.listen(0, "::");
  await once(listener, "listening");
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    listener.close();
    await once(listener, "close");
  });
  return listener;
}

type Listener = Awaited<ReturnType<typeof listen>>;

function dial(at: Listener, options: ConnectionOptions): TLSSocket {
  const { port } = at.address() as AddressInfo;
  return connect({ host: "127.0.0.1", ...options, port });
}

async function handshake(at: Listener, options: ConnectionOptions) {
  const socket = dial(at, options);
  const [data] = await once(socket, "data");
  const protocol = socket.getProtocol();
  socket.destroy();
  return { protocol, greeting: String(data) };
}

/** In TLS 1.3 a client is done before its certificate is judged: the server's verdict counts. */
async function refused(at: Listener, options: ConnectionOptions): Promise<void> {
  const verdict = once(at, "tlsClientError");
  const socket = dial(at, options);
  let received = "";
  socket.on("data", (data) => (received += String(data)));
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => {});
  await Promise.all([verdict, closed]);
  expect(received).toBe("");
}

async function clientFault(at: Listener, options: ConnectionOptions): Promise<string> {
  const socket = dial(at, options);
  const [error] = await once(socket, "error", {}).catch((thrown) => [thrown]);
  return String((error as NodeJS.ErrnoException).code);
}

/** What a listener with this identity shows to somebody who trusts nobody. */
async function chainOf(own: TlsIdentity): Promise<Uint8Array[]> {
  const at = await listen(
    serverTlsOptions({
      identity: own,
      bundle: trusting(authority),
      clientCertificates: "optional",
    }),
  );
  const socket = dial(at, { ...clientTlsOptions({ bundle: [] }), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const chain = peerChain(socket);
  socket.destroy();
  return chain;
}
