import { expect, test } from "vitest";
import { readSettings } from "./settings.ts";

const read = (env: Record<string, string>) => readSettings(env, "127.0.0.1").externalEngine;

function faultsOf(env: Record<string, string>): string[] {
  try {
    read(env);
    return [];
  } catch (thrown) {
    const { code, details } = thrown as { code: string; details: { path: string }[] };
    expect(code).toBe("invalid_configuration");
    return details.map(({ path }) => path);
  }
}

test("an external engine is several servers of one scheme", () => {
  const servers = "tls://nats-1.example:4222,tls://nats-2.example:4222";
  expect(read({ HOLDFAST_ENGINE: servers })).toMatchObject({ servers: servers.split(",") });
  for (const wrong of [
    "nats-1.example:4222",
    "tls://nats-1.example:4222,nats://nats-2.example:4222",
    "tls://",
    "tls://me:secret@nats-1.example:4222",
    "https://nats-1.example",
  ]) {
    expect([wrong, faultsOf({ HOLDFAST_ENGINE: wrong })]).toEqual([wrong, ["HOLDFAST_ENGINE"]]);
  }
});

test("credentials never leave this machine in the clear", () => {
  const credentials = { HOLDFAST_ENGINE_CREDENTIALS: "/run/secrets/nats" };
  const faults = (servers: string) => faultsOf({ ...credentials, HOLDFAST_ENGINE: servers });
  for (const wrong of ["nats://10.0.0.1:4222", "nats://127.0.0.1:4222,nats://nats.example:4222"]) {
    expect(faults(wrong)).toEqual(["HOLDFAST_ENGINE"]);
  }
  expect(faults("nats://127.0.0.1:4222,nats://localhost:4223,nats://[::1]:4224")).toEqual([]);
  expect(faults("tls://10.0.0.1:4222")).toEqual([]);
  expect(faultsOf({ HOLDFAST_ENGINE: "nats://10.0.0.1:4222" })).toEqual([]);
});

test("the engine's two ports differ from each other and from the API's", () => {
  const faults = (ports: string, port = "7400") =>
    faultsOf({ HOLDFAST_ENGINE_PORTS: ports, HOLDFAST_PORT: port });
  for (const wrong of ["7777,7777", "0,7423", "7422,65536", "7422", "7400,7423", "7422,7400"]) {
    expect([wrong, faults(wrong)]).toEqual([wrong, ["HOLDFAST_ENGINE_PORTS"]]);
  }
  expect(faults("7422,7423")).toEqual([]);
});

test("labels are as few and as short as a cluster takes them", () => {
  const faults = (labels: string) => faultsOf({ HOLDFAST_LABELS: labels });
  const many = (count: number) => Array.from({ length: count }, (_, at) => `l${at}=x`).join(",");
  for (const wrong of [many(33), `${"n".repeat(101)}=x`, `n=${"x".repeat(201)}`, "disk"]) {
    expect(faults(wrong)).toEqual(["HOLDFAST_LABELS"]);
  }
  expect(faults(`${many(31)},${"n".repeat(100)}=${"x".repeat(200)}`)).toEqual([]);
});

test("the port for clients of OpenClaw's gateway is the usual one, a chosen one, or off", () => {
  const port = (text?: string) =>
    readSettings(text === undefined ? {} : { HOLDFAST_GATEWAY_PORT: text }, "127.0.0.1")
      .gatewayPort;
  expect(port()).toEqual({ number: 18_789, isChosen: false });
  expect(port("18789")).toEqual({ number: 18_789, isChosen: true });
  expect(port("0")).toEqual({ number: 0, isChosen: true });
  expect(port("off")).toBeUndefined();
  for (const wrong of ["on", "70000", "-1", "1.5"]) {
    expect(faultsOf({ HOLDFAST_GATEWAY_PORT: wrong })).toEqual(["HOLDFAST_GATEWAY_PORT"]);
  }
});
