import { afterAll, beforeAll, expect, test } from "vitest";
import { apiOf } from "./api.ts";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

const home = new TestHome();
let node: NodeProcess;

beforeAll(async () => {
  node = await home.start();
});

afterAll(() => home.remove());

test("the second says why and ends; the first notices nothing", async () => {
  const env = { HOLDFAST_HOME: home.path, HOLDFAST_PORT: "0" };
  const refused = await Promise.all([runHoldfast(["up"], env), runHoldfast(["up"], env)]);
  for (const { code, stdout, stderr } of refused) {
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`error[home_in_use]: Another node runs on ${home.path}.`);
    expect(stderr).toContain("HOLDFAST_HOME");
  }
  for (const { role, pid } of node.engine) {
    expect(home.enginePid(role as "data" | "witness")).toBe(pid);
  }
  const answer = await apiOf(node).ask("demo/greeter", "c", "Hello", "k");
  expect(answer.status).toBe(200);
});

test("after kill -9 of the first the home is free at once", async () => {
  await node.kill();
  node = await home.start();
  const history = await apiOf(node).history("demo/greeter", "c");
  expect(history).toHaveLength(2);
});
