import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNatsServer } from "@holdfast/engine";
import { createAuthorityKey, createLeafRequest, issueCertificate } from "@holdfast/security";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectExternal } from "./engine.ts";
import { systemClock as clock } from "./system-clock.ts";

const host = "127.0.0.1";
let folder: string;
let credentials: string;
let authority: string;
let engine: ChildProcess;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-external-"));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  credentials = file("login", "me\nsecret\n");
  const key = await createAuthorityKey("hf-test", clock);
  authority = file("ca.pem", key.certificatePem);
  const { csrPem, privateKeyPem } = await createLeafRequest();
  const subject = { kind: "node", cluster: "hf-test", node: "n1", hosts: [host] } as const;
  const cert = file("cert.pem", await issueCertificate(key, csrPem, subject, clock));
  const config = {
    listen: `${host}:-1`,
    jetstream: { store_dir: join(folder, "data") },
    authorization: { user: "me", password: "secret" },
    tls: { cert_file: cert, key_file: file("key.pem", privateKeyPem) },
  };
  const { path } = await findNatsServer(process.env);
  engine = spawn(path, ["-c", file("nats.conf", JSON.stringify(config))]);
  port = await new Promise((resolve) => {
    let said = "";
    engine.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /client connections on 127\.0\.0\.1:(\d+)[^]*Server is ready/.exec(said);
      if (found) resolve(Number(found[1]));
    });
  });
});

afterAll(async () => {
  engine.kill();
  await once(engine, "exit");
  rmSync(folder, { recursive: true });
});

const external = (server: string) => ({
  servers: [server],
  credentials,
  authority,
  replicas: 1,
});

test("a tls:// engine is one whose certificate is trusted and names it", async () => {
  const connected = await connectExternal(external(`tls://${host}:${port}`));
  expect(connected.isConnected()).toBe(true);
  await connected.close();
  const refused = { code: "engine_unavailable" };
  const untrusted = { ...external(`tls://${host}:${port}`), authority: undefined };
  await expect(connectExternal(untrusted)).rejects.toMatchObject(refused);
  await expect(connectExternal(external(`tls://localhost:${port}`))).rejects.toMatchObject(refused);
});

test("more replicas than a lone server keeps are a wrong setting, and nothing to wait for", async () => {
  const connected = await connectExternal({ ...external(`tls://${host}:${port}`), replicas: 3 });
  await expect(connected.provision({ logs: [], buckets: ["x"] })).rejects.toMatchObject({
    code: "invalid_configuration",
    message: expect.stringContaining("HOLDFAST_ENGINE_REPLICAS=1"),
  });
  await connected.close();
});

test("a tls:// engine that offers no TLS is told no password", async () => {
  let heard = "";
  const server = createServer((socket) => {
    const info = { server_id: "x", version: "2.14.0", max_payload: 1_000_000, proto: 1 };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on("data", (bytes) => {
      heard += bytes.toString();
      socket.write("PONG\r\n");
    });
    socket.on("error", () => undefined);
  });
  server.listen(0, host);
  await once(server, "listening");
  const url = `tls://${host}:${(server.address() as AddressInfo).port}`;
  await expect(connectExternal(external(url))).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  expect(heard).not.toContain("secret");
  server.close();
});
