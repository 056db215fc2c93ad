import { describe, expect, test } from "vitest";
import { TurnScheduler } from "./turn-scheduler.ts";

/** Tasks that run until the test ends them; `running` holds their names in the order of their start. */
function createTasks() {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    running,
    task: (name: string) => async () => {
      running.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      running.splice(running.indexOf(name), 1);
    },
    end: async (name: string) => {
      ends.get(name)?.();
      for (let round = 0; round < 8; round += 1) await Promise.resolve();
    },
  };
}

describe("the turn scheduler", () => {
  test("serves agents round robin, so that a flooded one does not delay the others", async () => {
    const { running, task, end } = createTasks();
    const scheduler = new TurnScheduler(2, 2);
    for (let n = 1; n <= 50; n += 1) scheduler.add("flooded", task(`f${n}`));
    scheduler.add("calm", task("c1"));
    scheduler.add("other", task("o1"));
    expect(running).toEqual(["f1", "f2"]);
    await end("f1");
    expect(running).toEqual(["f2", "c1"]);
    await end("f2");
    expect(running).toEqual(["c1", "o1"]);
    await end("c1");
    expect(running).toEqual(["o1", "f3"]);
  });

  test("lets no agent hold more than its share", async () => {
    const { running, task, end } = createTasks();
    const scheduler = new TurnScheduler(10, 3);
    for (let n = 1; n <= 5; n += 1) scheduler.add("a", task(`a${n}`));
    scheduler.add("b", task("b1"));
    expect(running).toEqual(["a1", "a2", "a3", "b1"]);
    await end("a2");
    expect(running).toEqual(["a1", "a3", "b1", "a4"]);
    expect(scheduler.inFlight).toBe(4);
    for (const name of ["a1", "a3", "a4", "a5", "b1"]) await end(name);
    expect(scheduler.inFlight).toBe(0);
  });

  test("loses no task that another one of its agent adds as it begins", async () => {
    const { running, task, end } = createTasks();
    const scheduler = new TurnScheduler(1, 1);
    const blocker = task("first");
    scheduler.add("x", blocker);
    const begin = async () => {
      scheduler.add("a", task("added"));
      await task("a1")();
    };
    scheduler.add("a", begin);
    scheduler.add("a", task("a2"));
    const seen: string[] = [];
    for (const name of ["first", "a1", "a2", "added"]) {
      seen.push(...running);
      await end(name);
    }
    expect(seen).toEqual(["first", "a1", "a2", "added"]);
  });

  test("runs suspects one at a time, beside the others", async () => {
    const { running, task, end } = createTasks();
    const scheduler = new TurnScheduler(1, 1);
    scheduler.add("a", task("a1"));
    for (const name of ["s1", "s2"]) scheduler.addSuspect(task(name));
    expect(running).toEqual(["a1", "s1"]);
    await end("s1");
    expect(running).toEqual(["a1", "s2"]);
    await end("s2");
    scheduler.addSuspect(task("s3"));
    expect(running).toEqual(["a1", "s3"]);
  });
});
