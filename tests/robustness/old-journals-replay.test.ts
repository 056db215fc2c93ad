import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type ConversationId, delay, limits } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createSeededRandom, createVirtualClock, startPathNode } from "@holdfast/testkit";
import { describe, expect, test } from "vitest";
import { answerTo, historyOf, message } from "../path/path-fixture.ts";
import {
  fillStore,
  readRecording,
  recordedAgent,
  recordedModel,
  recordedTools,
  unfinished,
} from "./fixtures/recorded.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const folders = readdirSync(fixtures).filter((name) => name.startsWith("journal-"));

test("there is something recorded", () => {
  expect(folders).toContain("journal-v0.1");
});

describe.each(folders)("%s", (folder) => {
  const recording = readRecording(join(fixtures, folder, "recording.json.gz"));
  const { partitions, epoch } = recording;

  async function open() {
    const clock = createVirtualClock();
    const store = createMemoryStore();
    const engine = createMemoryEngine(store, { clock });
    const logs = Object.keys(recording.logs);
    const buckets = Object.keys(recording.buckets);
    await clock.runUntil(engine.provision({ logs, buckets }));
    fillStore(store, recording);
    const node = await clock.runUntil(
      startPathNode({
        engine,
        clock,
        random: createSeededRandom(1),
        model: recordedModel(() => false),
        tools: recordedTools,
        agents: [recordedAgent],
        partitions,
        epoch,
      }),
    );
    const asked = (name: string, text = "") =>
      message(text, { conversation: name as ConversationId });
    const history = (name: string) => clock.runUntil(historyOf(node, asked(name)));
    return { clock, node, asked, history };
  }

  test.each(Object.keys(recording.histories))("%s is as it was told, and goes on", async (name) => {
    const { clock, node, asked, history } = await open();
    const told = recording.histories[name] ?? [];
    if (told.length > 0) expect(await history(name)).toEqual(told);
    await clock.runUntil(answerTo(node, asked(name, "and now?")));
    const texts = (await history(name)).slice(told.length).map(({ text }) => text);
    expect(texts).toEqual(["and now?", "echo: and now?"]);
    expect(node.reports).toEqual([]);
  });

  test("a turn that stood between two steps is finished, and its tool does not run again", async () => {
    const { clock, history } = await open();
    await clock.runUntil(delay(clock, limits.turnRetryMaxMs));
    const texts = (await history(unfinished)).map(({ text }) => text);
    expect(texts).toEqual(["pay and wait", "", "paid", "echo: paid"]);
  });

  test("dead letters are still there", async () => {
    const { clock, node } = await open();
    const items = await clock.runUntil(node.conversations.deadLetters("acme"));
    expect(items.map(({ id }) => id)).toEqual(recording.deadLetters);
    expect(items).not.toHaveLength(0);
  });
});
