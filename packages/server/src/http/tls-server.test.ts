import { once } from "node:events";
import { get as getPlain, type Server } from "node:http";
import { get as getSecure } from "node:https";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  createAuthorityKey,
  createLeafRequest,
  issueCertificate,
  serverTlsOptions,
} from "@holdfast/security";
import { afterEach, beforeAll, expect, test } from "vitest";
import { systemClock as clock } from "../system-clock.ts";
import { createTlsServer } from "./tls-server.ts";

const host = "127.0.0.1";
let ca = "";
let options: ReturnType<typeof serverTlsOptions>;
let server: Server;

beforeAll(async () => {
  const authority = await createAuthorityKey("hf-test", clock);
  const { csrPem, privateKeyPem } = await createLeafRequest();
  const subject = { kind: "node", cluster: "hf-test", node: "n1", hosts: [host] } as const;
  ca = authority.certificatePem;
  const certificatePem = await issueCertificate(authority, csrPem, subject, clock);
  const identity = { certificatePem, authorityPem: ca, privateKeyPem };
  options = serverTlsOptions({ identity, bundle: [ca], clientCertificates: "none" });
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
});

async function start(allowsPlain: boolean): Promise<number> {
  const tls = { options: () => options, allowsPlain, onChange: () => undefined };
  server = createTlsServer(tls, {}, (_request, reply) => reply.end("hello"), 200);
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function answerOf(get: typeof getPlain, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host, port, ca, agent: false } as object, (answer) => {
      answer.setEncoding("utf8").on("data", resolve);
    }).on("error", reject);
  });
}

test("answers HTTPS and plain HTTP at one port", async () => {
  const port = await start(true);
  expect(await answerOf(getPlain, port)).toBe("hello");
  expect(await answerOf(getSecure, port)).toBe("hello");
});

test("beyond loopback plain HTTP gets no answer", async () => {
  const port = await start(false);
  await expect(answerOf(getPlain, port)).rejects.toThrow();
  expect(await answerOf(getSecure, port)).toBe("hello");
});

test("takes no older TLS", async () => {
  const port = await start(true);
  const old = connectTls({ host, port, ca, maxVersion: "TLSv1.2" });
  const [error] = await once(old, "error");
  expect(String(error)).toMatch(/version|ECONNRESET/i);
});

test("cuts who says nothing", async () => {
  const port = await start(true);
  const silent = connectTcp(port, host).resume();
  await once(silent, "close");
  expect(silent.bytesRead).toBe(0);
});

test("cuts who begins a handshake and does not go on", async () => {
  const port = await start(true);
  const slow = connectTcp(port, host).resume();
  slow.write(Buffer.from([22]));
  await once(slow, "close");
  expect(slow.bytesWritten).toBe(1);
});

test("closes although clients came and went without a word, or still hold on", async () => {
  const port = await start(true);
  const gone = connectTls({ host, port, ca });
  await once(gone, "secureConnect");
  gone.destroy();
  const holding = connectTls({ host, port, ca });
  await once(holding, "secureConnect");
  holding.on("error", () => undefined);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  expect(await closed).toBeUndefined();
});
