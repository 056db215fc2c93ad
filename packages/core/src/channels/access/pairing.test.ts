import { createSeededRandom } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { HoldfastError } from "../../errors.ts";
import { pairingLimits } from "./access-limits.ts";
import type { Pairing } from "./pairing.ts";
import { newPairingCode } from "./pairing-code.ts";
import { channelAccessBucket, pairedKey } from "./pairing-records.ts";
import { testDigest } from "./testing/digest.ts";
import { createPairingCell, type PairingNode, randomFaults } from "./testing/pairing-fixture.ts";

const bot = { organization: "acme", name: "bot", channel: "telegram" };
const from = (id: string, eventId = `e-${id}`) => ({
  eventId,
  sender: { id, isBot: false, name: `P${id}` },
});

async function refusal(work: Promise<unknown>): Promise<HoldfastError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof HoldfastError) return error;
  throw new Error("expected a refusal");
}

async function codeOf(work: Promise<{ result: string; code?: string }>): Promise<string> {
  const { code } = await work;
  if (code === undefined) throw new Error("expected a code");
  return code;
}

test("codes are 8 characters that nobody mistakes for others", () => {
  let next = 0;
  const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  const token = (length: number) =>
    Array.from({ length }, () => alphabet[(next += 7) % alphabet.length]).join("");
  const codes = Array.from({ length: 200 }, () => newPairingCode({ next: () => 0, token }));
  for (const code of codes) expect(code).toMatch(/^[A-HJ-NP-Z2-9]{8}$/);
  expect(new Set(codes.join("")).size).toBe(32);
});

test("a person who is approved on one node is paired on all", async () => {
  const cell = createPairingCell();
  const [a, b] = [await cell.node(), await cell.node()];
  const code = await codeOf(cell.run(a.pairing.request(bot, from("7"))));
  await cell.clock.advance(10);
  expect(b.pairing.list("acme", "bot").pending).toMatchObject([{ id: "7", name: "P7", code }]);
  const typed = `${code.slice(0, 4).toLowerCase()} - ${code.slice(4)}`;
  expect(await cell.run(b.pairing.approve("acme", "bot", typed))).toMatchObject({ id: "7" });
  expect(b.pairing.isPaired(bot, "7")).toBe(true);
  await cell.clock.advance(10);
  expect(a.pairing.isPaired(bot, "7")).toBe(true);
  expect(a.pairing.list("acme", "bot")).toMatchObject({ pending: [], paired: [{ id: "7" }] });
  const later = await cell.node();
  expect(later.pairing.isPaired(bot, "7")).toBe(true);
  for (const stranger of ["8", "77", ""]) expect(later.pairing.isPaired(bot, stranger)).toBe(false);
  const others = [
    { ...bot, organization: "other" },
    { ...bot, name: "b" },
    { ...bot, channel: "slack" },
  ];
  for (const other of others) expect(later.pairing.isPaired(other, "7")).toBe(false);
});

test("the same person gets the same code while it is good, and is told it once an event", async () => {
  const cell = createPairingCell();
  const { pairing } = await cell.node();
  const code = await codeOf(cell.run(pairing.request(bot, from("7", "first"))));
  const again = await cell.run(pairing.request(bot, from("7", "second")));
  expect(again).toEqual({ result: "code", code, isNew: false });
  const redelivered = await cell.run(pairing.request(bot, from("7", "first")));
  expect(redelivered).toEqual({ result: "code", code, isNew: true });
  await cell.clock.advance(pairingLimits.codeLifetimeMs);
  expect((await refusal(cell.run(pairing.approve("acme", "bot", code)))).code).toBe(
    "pairing_not_found",
  );
  const fresh = await cell.run(pairing.request(bot, from("7", "third")));
  expect(fresh).toMatchObject({ result: "code", isNew: true });
  expect(fresh).not.toMatchObject({ code });
  expect(pairing.list("acme", "bot").pending).toHaveLength(1);
});

test("three wait for an account; the others are not answered, nor read for", async () => {
  const cell = createPairingCell();
  const [a, b] = [await cell.node(), await cell.node()];
  const nodes = [a, b, a, b, a, b];
  const asked = nodes.map(({ pairing }, i) => pairing.request(bot, from(`${i}`)));
  const results = await cell.run(Promise.all(asked));
  expect(results.filter(({ result }) => result === "code")).toHaveLength(3);
  expect(results.filter(({ result }) => result === "full")).toHaveLength(3);
  await cell.clock.advance(10);
  const { reads, writes } = a.counts;
  for (let i = 10; i < 100; i += 1) {
    expect(await cell.run(a.pairing.request(bot, from(`${i}`)))).toEqual({ result: "full" });
    a.pairing.isPaired(bot, `${i}`);
  }
  expect(a.counts).toEqual({ reads, writes });
  const elsewhere = await cell.run(a.pairing.request({ ...bot, name: "bot2" }, from("9")));
  expect(elsewhere.result).toBe("code");
});

test("one person who writes to many nodes at once gets one code", async () => {
  const cell = createPairingCell();
  const nodes = [await cell.node(), await cell.node(), await cell.node()];
  const asked = nodes.map(({ pairing }, i) => pairing.request(bot, from("7", `e${i}`)));
  const results = await cell.run(Promise.all(asked));
  expect(new Set(results.map((one) => (one.result === "code" ? one.code : one.result))).size).toBe(
    1,
  );
  expect(results.filter((one) => one.result === "code" && one.isNew)).toHaveLength(1);
});

test("who was approved elsewhere a moment ago gets no second code", async () => {
  const cell = createPairingCell();
  const a = await cell.node();
  const deaf = await cell.node({
    decide: () => ({ outcome: "ok", requestMs: 0, answerMs: 0 }),
    deliveryDelayMs: () => 60_000,
  });
  const code = await codeOf(cell.run(a.pairing.request(bot, from("7"))));
  await cell.run(a.pairing.approve("acme", "bot", code));
  expect(deaf.pairing.isPaired(bot, "7")).toBe(false);
  expect(await cell.run(deaf.pairing.request(bot, from("7")))).toEqual({ result: "paired" });
  expect(deaf.pairing.isPaired(bot, "7")).toBe(true);
});

test("an approval that is taken back holds nowhere, also while the watch is behind", async () => {
  const cell = createPairingCell();
  const [a, b] = [await cell.node(), await cell.node()];
  const code = await codeOf(cell.run(a.pairing.request(bot, from("7"))));
  await cell.run(a.pairing.approve("acme", "bot", code));
  expect(await cell.run(a.pairing.revoke("acme", "bot", "7"))).toBe(true);
  expect(a.pairing.isPaired(bot, "7")).toBe(false);
  await cell.clock.advance(10);
  for (const { pairing } of [a, b]) expect(pairing.isPaired(bot, "7")).toBe(false);
  expect(await cell.run(a.pairing.revoke("acme", "bot", "7"))).toBe(false);
  const next = await codeOf(cell.run(b.pairing.request(bot, from("7", "later"))));
  await cell.run(b.pairing.approve("acme", "bot", next));
  await cell.clock.advance(10);
  expect(a.pairing.isPaired(bot, "7")).toBe(true);
  expect(await cell.run(a.pairing.request(bot, from("8")))).toMatchObject({ isNew: true });
  expect(await cell.run(a.pairing.revoke("acme", "bot", "8"))).toBe(true);
  expect(a.pairing.list("acme", "bot").pending).toEqual([]);
});

test("an approval is taken back from whoever the id means, however it is written", async () => {
  const cell = createPairingCell();
  const { pairing } = await cell.node();
  const shop = { ...bot, name: "shop", channel: "whatsapp" };
  const line = { ...bot, name: "line", channel: "signal" };
  const ada = { ...from("ada"), sender: { ...from("ada").sender, username: "+15550100" } };
  const approve = async (account: typeof bot, asking: ReturnType<typeof from>) => {
    const code = await codeOf(cell.run(pairing.request(account, asking)));
    await cell.run(pairing.approve("acme", account.name, code));
  };
  await approve(shop, from("15550100"));
  await approve(shop, from("15550101"));
  await approve(line, ada);
  expect(await cell.run(pairing.revoke("acme", "shop", "+1 555-0100"))).toBe(true);
  expect(pairing.isPaired(shop, "15550100")).toBe(false);
  expect(pairing.isPaired(shop, "15550101")).toBe(true);
  expect(await cell.run(pairing.revoke("acme", "line", "+15550100"))).toBe(true);
  expect(pairing.isPaired(line, "ada")).toBe(false);
  await cell.run(pairing.request(shop, from("15550102")));
  expect(await cell.run(pairing.revoke("acme", "shop", "whatsapp:+15550102"))).toBe(true);
  expect(pairing.list("acme", "shop").pending).toEqual([]);
});

test("answers that are lost change nothing", async () => {
  const cell = createPairingCell();
  let lost = 0;
  const { pairing } = await cell.node({
    // Every second write is stored, and its answer lost.
    decide: ({ kind }) => ({
      outcome: kind === "write" && (lost += 1) % 2 === 1 ? "lose-answer" : "ok",
    }),
  });
  const first = await cell.run(pairing.request(bot, from("7")));
  expect(first).toMatchObject({ result: "code", isNew: true });
  if (first.result !== "code") return;
  expect(await cell.run(pairing.approve("acme", "bot", first.code))).toMatchObject({ id: "7" });
  expect(pairing.isPaired(bot, "7")).toBe(true);
  expect(pairing.list("acme", "bot").pending).toEqual([]);
  expect(await cell.run(pairing.revoke("acme", "bot", "7"))).toBe(true);
  await cell.clock.advance(10);
  expect(pairing.isPaired(bot, "7")).toBe(false);
});

test.each([1, 2, 3, 4, 5])("many nodes at once under faults agree, seed %i", async (seed) => {
  const cell = createPairingCell();
  const random = createSeededRandom(seed);
  const faults = randomFaults(random);
  const nodes = [await cell.node(), await cell.node(), await cell.node()];
  const faulty = [await cell.node(faults), await cell.node(faults)];
  const told = new Map<string, Set<string>>();
  const ask = async (pairing: Pairing, id: string, eventId: string) => {
    const asked = await pairing.request(bot, from(id, eventId)).catch(() => undefined);
    if (asked?.result === "code") told.set(id, (told.get(id) ?? new Set()).add(asked.code));
  };
  const all = [...nodes, ...faulty];
  const work = Array.from({ length: 60 }, (_, i) => {
    const { pairing } = all[Math.floor(random.next() * all.length)] as PairingNode;
    return ask(pairing, `${Math.floor(random.next() * 6)}`, `e${i}`);
  });
  await cell.run(Promise.all(work));
  await cell.clock.advance(1_000);
  const [first] = all as [PairingNode];
  const { pending } = first.pairing.list("acme", "bot");
  expect(pending.length).toBeLessThanOrEqual(pairingLimits.pendingPerAccount);
  expect([...told.keys()].toSorted()).toEqual(pending.map(({ id }) => id).toSorted());
  for (const { id, code } of pending) expect([...(told.get(id) ?? [])]).toEqual([code]);
  // Like an operator: again after trouble, until the code is used up.
  const approve = async ({ pairing }: PairingNode, code: string) => {
    for (let isDone = false; !isDone; ) {
      const error = await pairing.approve("acme", "bot", code).catch((thrown: unknown) => thrown);
      isDone = !(error instanceof HoldfastError) || error.code === "pairing_not_found";
    }
  };
  const approving = pending.map(({ code }, i) => approve(all.at(-1 - i) as PairingNode, code));
  await cell.run(Promise.all(approving));
  await cell.clock.advance(1_000);
  for (const { pairing } of all) {
    expect(pairing.list("acme", "bot").pending).toEqual([]);
    for (const { id } of pending) expect(pairing.isPaired(bot, id)).toBe(true);
  }
});

test("wrong codes are not looked at for ever", async () => {
  const cell = createPairingCell();
  const { pairing } = await cell.node();
  const code = await codeOf(cell.run(pairing.request(bot, from("7"))));
  for (let i = 0; i < pairingLimits.wrongCodes; i += 1) {
    const wrong = await refusal(cell.run(pairing.approve("acme", "bot", "WRONGXYZ")));
    expect(wrong.code).toBe("pairing_not_found");
  }
  const limited = await refusal(cell.run(pairing.approve("acme", "bot", code)));
  expect(limited).toMatchObject({ code: "rate_limited", retryAfterMs: expect.any(Number) });
  await cell.clock.advance(pairingLimits.wrongCodesWindowMs);
  const later = await codeOf(cell.run(pairing.request(bot, from("7", "later"))));
  expect(await cell.run(pairing.approve("acme", "bot", later))).toMatchObject({ id: "7" });
});

test("no more wrong codes are looked at when they come all at once, and right ones do not count", async () => {
  const cell = createPairingCell();
  let isDown = false;
  const { pairing } = await cell.node({
    decide: () => ({ outcome: isDown ? "refuse" : "ok" }),
  });
  const code = await codeOf(cell.run(pairing.request(bot, from("7"))));
  isDown = true;
  for (let i = 0; i < pairingLimits.wrongCodes; i += 1) {
    await refusal(cell.run(pairing.approve("acme", "bot", code)));
  }
  isDown = false;
  for (let i = 0; i < pairingLimits.wrongCodes; i += 1) {
    const next = await codeOf(cell.run(pairing.request(bot, from(`p${i}`))));
    await cell.run(pairing.approve("acme", "bot", next));
  }
  const guesses = Array.from({ length: 3 * pairingLimits.wrongCodes }, () =>
    refusal(pairing.approve("acme", "bot", "WRONGXYZ")),
  );
  const refused = await cell.run(Promise.all(guesses));
  expect(refused.filter((error) => error.code === "pairing_not_found")).toHaveLength(
    pairingLimits.wrongCodes,
  );
  expect(refused.filter((error) => error.code === "rate_limited")).toHaveLength(
    2 * pairingLimits.wrongCodes,
  );
});

test("people of all kinds of ids are told apart, and listed in pages", async () => {
  const cell = createPairingCell();
  const { pairing } = await cell.node();
  const ids = [
    "",
    "a.b",
    "a=2eb",
    "A.B",
    "a@example.org",
    "é",
    "😀",
    "\ud83d",
    "x".repeat(999),
    "é".repeat(500),
  ];
  for (const id of ids) {
    const code = await codeOf(cell.run(pairing.request(bot, from(id, "e"))));
    await cell.run(pairing.approve("acme", "bot", code));
    expect(ids.filter((one) => pairing.isPaired(bot, one))).toHaveLength(ids.indexOf(id) + 1);
  }
  const first = pairing.list("acme", "bot", { limit: 6 });
  expect(first.paired).toHaveLength(6);
  const rest = pairing.list("acme", "bot", {
    limit: 6,
    ...(first.next !== undefined && { after: first.next }),
  });
  expect([...first.paired, ...rest.paired].map(({ id }) => id)).toEqual(ids.toSorted());
  expect(rest.next).toBeUndefined();
  const endless = await cell.run(pairing.request(bot, from("x".repeat(1_001))));
  expect(endless).toEqual({ result: "full" });
});

test("a record that cannot be read lets nobody in, and is reported", async () => {
  const cell = createPairingCell();
  const a = await cell.node();
  const code = await codeOf(cell.run(a.pairing.request(bot, from("7"))));
  await cell.run(a.pairing.approve("acme", "bot", code));
  const key = pairedKey(bot, "7", testDigest);
  await cell.run(a.keyValue.put(channelAccessBucket, key, new Uint8Array([1, 2])));
  await cell.clock.advance(10);
  expect(a.pairing.isPaired(bot, "7")).toBe(false);
  expect(a.reports).toMatchObject([{ code: "data_corrupt" }]);
});

test("a node that was closed reads nothing more", async () => {
  const cell = createPairingCell();
  const [a, b] = [await cell.node(), await cell.node()];
  await cell.run(b.pairing.close());
  await cell.run(a.pairing.request(bot, from("7")));
  await cell.clock.advance(10);
  expect(b.pairing.list("acme", "bot").pending).toEqual([]);
});
