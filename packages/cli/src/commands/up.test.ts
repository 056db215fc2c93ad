import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
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
