import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { nodeOptionsOf } from "./up.ts";
import { startCli } from "../testing/run-cli.ts";

const script = fileURLToPath(new URL("../testing/up-with-fake-node.ts", import.meta.url));
const env = { HOLDFAST_HOME: "/tmp/holdfast-home", HOLDFAST_PORT: "7411" };

it("says what runs where, and stops in good order at Ctrl-C", async () => {
  const up = startCli([], { ...env, FIRST: "1" }, script);
  await up.printed("Ctrl-C");
  up.child.kill("SIGINT");
  const { code, stdout, stderr } = await up.finished;
  expect(code).toBe(0);
  expect(stdout).toBe(`Holdfast 0.1.0 is running.

  API            http://127.0.0.1:7411
  Data           /tmp/holdfast-home
  Engine         nats-server 2.14.3
                 data: process 41, port 4222
  Organizations  demo
  Admin token    hf_admin
                 shown this once; it also stands in /tmp/holdfast-home/admin-token

  Try it         holdfast chat demo/greeter
  Stop it        Ctrl-C
`);
  expect(stderr).toContain("Stopping: ");
  expect(stderr).toContain("Stopped.");
});

it("stops at once at the second Ctrl-C", async () => {
  const up = startCli([], { ...env, HANG: "1", npm_lifecycle_event: "start" }, script);
  await up.printed("npx holdfast chat demo/greeter");
  up.child.kill("SIGINT");
  await up.printed("Stopping: ");
  up.child.kill("SIGINT");
  expect(await up.finished).toMatchObject({ code: 130 });
});

it.each(["SIGTERM", "SIGINT"] as const)("ends a start at %s", async (signal) => {
  const up = startCli([], { ...env, WAIT: "1" }, script);
  await up.printed("waiting for the engine");
  up.child.kill(signal);
  const { code, stdout, stderr } = await up.finished;
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain("Stopped before it had started.");
});

it("tells programs in one line, and stops at SIGTERM too", async () => {
  const up = startCli(["--json"], env, script);
  await up.printed("\n");
  up.child.kill("SIGTERM");
  const { code, stdout } = await up.finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    url: "http://127.0.0.1:7411",
    organizations: ["demo"],
  });
});

it("fails when the node stops by itself", async () => {
  const up = startCli([], { ...env, FAIL: "1" }, script);
  expect(await up.finished).toMatchObject({ code: 1, stderr: "failed: Error: engine lost\n" });
});

describe("what the words ask of the node", () => {
  it("is nothing but a start when there is no token", () => {
    expect(nodeOptionsOf({}, env)).toEqual({
      home: "/tmp/holdfast-home",
      host: "127.0.0.1",
      port: 7411,
      env,
    });
  });

  it("is a join with the token of the words, or of the environment", () => {
    const words = { join: "hfj_a", discover: "mdns", role: "compute", name: "n7" };
    const both = nodeOptionsOf(words, { ...env, HOLDFAST_JOIN: "hfj_b" });
    expect(both.join).toEqual({ token: "hfj_a", discover: "mdns", role: "compute" });
    expect(both.env.HOLDFAST_NODE).toBe("n7");
    expect(nodeOptionsOf({}, { ...env, HOLDFAST_JOIN: "hfj_b" }).join).toEqual({ token: "hfj_b" });
  });

  it("is an engine that somebody else runs", () => {
    const words = { engine: "tls://nats.example:4222", engineCreds: "/run/secrets/nats" };
    expect(nodeOptionsOf(words, env).env).toEqual({
      ...env,
      HOLDFAST_ENGINE: words.engine,
      HOLDFAST_ENGINE_CREDENTIALS: words.engineCreds,
    });
  });

  it("names the words that are wrong", () => {
    const problem = (words: object) => {
      try {
        return nodeOptionsOf(words, env);
      } catch (thrown) {
        return thrown;
      }
    };
    const usage = (text: string) => ({ code: "usage", message: expect.stringContaining(text) });
    expect(problem({ name: "Bad" })).toMatchObject(usage("--name"));
    expect(problem({ engineCreds: "/run/secrets/nats" })).toMatchObject(usage("--engine-creds"));
  });

  it("may not say how to join without a token, nor name another role", () => {
    const usage = expect.objectContaining({ code: "usage" });
    expect(() => nodeOptionsOf({ discover: "mdns" }, env)).toThrow(usage);
    expect(() => nodeOptionsOf({ role: "store" }, env)).toThrow(usage);
    expect(() => nodeOptionsOf({ join: "hfj_a", role: "witness" }, env)).toThrow(usage);
  });
});
