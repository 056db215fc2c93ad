import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { isAlive, type NodeProcess, TestHome } from "./node-process.ts";

let home: TestHome;
let node: NodeProcess;
let api: Api;

beforeEach(async () => {
  home = new TestHome();
  node = await home.start({ HOLDFAST_LOG_LEVEL: "silent" });
  api = apiOf(node);
});

afterEach(() => home.remove());

const agent = "demo/greeter";
/** Two seconds for the append, and some for a busy machine. */
const promptly = 4_000;
const patience = { timeout: 20_000, interval: 20 };

interface Sent {
  readonly text: string;
  readonly key: string;
  readonly conversation: string;
  readonly status: number;
  readonly body: any;
  readonly retryAfter: string | null;
  readonly tookMs: number;
}

async function send(conversation: string, number: number): Promise<Sent> {
  const text = `Echo ${conversation} ${number}`;
  const key = `${conversation}-${number}`;
  const startedAt = performance.now();
  const { status, body, headers } = await api.submit(agent, conversation, text, key);
  const tookMs = performance.now() - startedAt;
  return { text, key, conversation, status, body, tookMs, retryAfter: headers.get("retry-after") };
}

/** Several clients that each send one message after the other until told to stop. */
function keepSending(clients: number) {
  const sent: Sent[] = [];
  let going = true;
  const loops = Array.from({ length: clients }, async (_, client) => {
    for (let number = 0; going && number < 5_000; number += 1) {
      // A connection that ends with the node acknowledges nothing.
      const one = await send(`c${client}`, number).catch(() => undefined);
      if (!one) return;
      sent.push(one);
    }
  });
  return {
    sent,
    async stop(): Promise<Sent[]> {
      going = false;
      await Promise.all(loops);
      return sent;
    },
  };
}

/** Waits for an answer behind everything that was sent before. */
async function settle(conversation: string): Promise<void> {
  await expect
    .poll(async () => (await api.ask(agent, conversation, "Echo last", "last")).status, {
      timeout: 30_000,
      interval: 100,
    })
    .toBe(200);
}

async function expectEveryAcknowledgedAnsweredOnce(sent: readonly Sent[]): Promise<void> {
  for (const conversation of new Set(sent.map((each) => each.conversation))) {
    await settle(conversation);
    const mine = sent.filter((each) => each.conversation === conversation);
    const acknowledged = mine.filter(({ status }) => status === 202).map(({ text }) => text);
    const history = await api.history(agent, conversation);
    const asked = history.filter(({ role }) => role === "user").map(({ text }) => text);
    const answered = history.filter(({ role }) => role === "assistant").map(({ text }) => text);
    expect(new Set(asked).size, "none twice").toBe(asked.length);
    expect(
      asked.filter((text) => acknowledged.includes(text)),
      "all, in order",
    ).toEqual(acknowledged);
    expect(answered).toEqual(asked.map((text) => text.replace("Echo ", "")));
  }
}

const enginePid = (role: string) => node.engine.find((each) => each.role === role)?.pid ?? 0;

test("the data process killed while messages come in: refused in time, nothing lost, back by itself", async () => {
  const traffic = keepSending(16);
  await expect.poll(() => traffic.sent.length, patience).toBeGreaterThan(100);
  for (let round = 0; round < 2; round += 1) {
    const before = traffic.sent.filter(({ status }) => status === 202).length;
    process.kill(enginePidNow(), "SIGKILL");
    await expect
      .poll(() => traffic.sent.filter(({ status }) => status === 202).length, { timeout: 20_000 })
      .toBeGreaterThan(before + 100);
  }
  const sent = await traffic.stop();
  for (const { status, body, retryAfter, tookMs } of sent) {
    expect([202, 503], JSON.stringify(body)).toContain(status);
    expect(tookMs).toBeLessThan(promptly);
    if (status === 202) continue;
    expect(["engine_unavailable", "append_outcome_unknown", "not_ready"]).toContain(
      body.error.code,
    );
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  }
  await expectEveryAcknowledgedAnsweredOnce(sent);
  await expect
    .poll(async () => (await api.call("GET", "/readyz")).status, { timeout: 10_000 })
    .toBe(200);
});

/** Pid files tell which process runs now. */
function enginePidNow(): number {
  return home.enginePid("data");
}

test("a stopped data process: refused within 2 s, nothing hangs, and what was unknown is kept once", async () => {
  expect((await send("c0", 0)).status).toBe(202);
  const pid = enginePid("data");
  process.kill(pid, "SIGSTOP");
  try {
    const refused = await Promise.all(
      Array.from({ length: 20 }, (_, client) => send(`c${client}`, 1)),
    );
    for (const { status, tookMs, retryAfter, body } of refused) {
      expect(status, JSON.stringify(body)).toBe(503);
      expect(tookMs).toBeLessThan(promptly);
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
    }
    expect((await api.call("GET", "/healthz")).status).toBe(200);
    expect((await api.call("GET", "/readyz")).status).toBe(503);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  const again = await Promise.all(
    Array.from({ length: 20 }, async (_, client) => {
      let last = await send(`c${client}`, 1);
      while (last.status !== 202) last = await send(`c${client}`, 1);
      return last;
    }),
  );
  await expectEveryAcknowledgedAnsweredOnce(again);
});

test("its port taken while it is away: refused meanwhile, and back by itself when the port is free", async () => {
  const port = node.engine.find(({ role }) => role === "data")?.port;
  const intruder = createServer((socket) => socket.destroy());
  const listens = () =>
    new Promise<boolean>((resolve) => {
      intruder.once("error", () => resolve(false));
      intruder.listen(port, "127.0.0.1", () => resolve(true));
    });
  process.kill(enginePid("data"), "SIGKILL");
  await expect.poll(listens, { timeout: 5_000, interval: 1 }).toBe(true);
  try {
    const { status, retryAfter, tookMs } = await send("c0", 0);
    expect([status, retryAfter]).toEqual([503, "1"]);
    expect(tookMs).toBeLessThan(promptly);
  } finally {
    await new Promise((resolve) => intruder.close(resolve));
  }
  let last: Sent | undefined;
  await expect
    .poll(async () => (last = await send("c0", 0)).status, { timeout: 20_000, interval: 100 })
    .toBe(202);
  await expectEveryAcknowledgedAnsweredOnce(last ? [last] : []);
});

test("the witness killed: nobody notices", async () => {
  const traffic = keepSending(8);
  await expect.poll(() => traffic.sent.length, patience).toBeGreaterThan(50);
  const pid = enginePid("witness");
  process.kill(pid, "SIGKILL");
  await expect.poll(() => home.enginePid("witness"), { timeout: 10_000 }).not.toBe(pid);
  const already = traffic.sent.length;
  await expect.poll(() => traffic.sent.length, patience).toBeGreaterThan(already + 50);
  const sent = await traffic.stop();
  expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([202]));
  expect(Math.max(...sent.map(({ tookMs }) => tookMs))).toBeLessThan(2_000);
  await expectEveryAcknowledgedAnsweredOnce(sent);
});

test("the node killed: no process of the engine is left, and everything acknowledged is answered", async () => {
  const sent = await Promise.all(Array.from({ length: 50 }, (_, number) => send(`c${number}`, 0)));
  const pids = node.engine.map(({ pid }) => pid);
  await node.kill();
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  node = await home.start();
  api = apiOf(node);
  await expectEveryAcknowledgedAnsweredOnce(sent);
});

test("Ctrl-C under load: exit 0, nothing lost, no process left", async () => {
  const traffic = keepSending(8);
  await expect.poll(() => traffic.sent.length, patience).toBeGreaterThan(100);
  const pids = node.engine.map(({ pid }) => pid);
  process.kill(node.pid, "SIGINT");
  const sent = await traffic.stop();
  expect(await node.ended).toEqual({ code: 0, signal: null });
  expect(pids.filter(isAlive)).toEqual([]);
  node = await home.start();
  api = apiOf(node);
  await expectEveryAcknowledgedAnsweredOnce(sent);
});
