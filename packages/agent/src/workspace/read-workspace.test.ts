import { mkdir, symlink } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { limits, workspaceSchema } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { readWorkspace, type WorkspaceReading } from "./read-workspace.ts";
import { skillText, testFolder } from "./test-folder.ts";
import { workspaceLimits } from "./workspace-limits.ts";

const host = { platform: "linux", env: { PATH: "/usr/bin:/bin" }, config: () => false };

const read = (path: string, options = {}) =>
  readWorkspace(path, workspaceLimits, { host, ...options });
const left = (reading: WorkspaceReading, subject: string) =>
  reading.left.find((note) => note.subject === subject);

describe("instruction files", () => {
  test("are read in OpenClaw's order; what only a gateway runs is left with its reason", async () => {
    await using folder = await testFolder({
      "MEMORY.md": "remember",
      "USER.md": "the user",
      "AGENTS.md": "rules\r\nmore",
      "SOUL.md": "soul",
      "BOOT.md": "boot",
      "IDENTITY.md": "- **Name:** Ada",
      "notes.txt": "unrelated",
    });
    const reading = await read(folder.path);
    expect(reading.workspace.files.map((file) => file.path)).toEqual([
      "AGENTS.md",
      "SOUL.md",
      "IDENTITY.md",
      "USER.md",
      "MEMORY.md",
    ]);
    expect(reading.workspace.files[0]?.text).toBe("rules\nmore");
    expect(left(reading, "BOOT.md")?.reason).toContain("gateway");
    expect(reading.taken).toHaveLength(5);
  });

  test("only the two newest daily notes go in, and the rest is counted", async () => {
    await using folder = await testFolder({
      "memory/2026-03-01.md": "one",
      "memory/2026-03-03.md": "three",
      "memory/2026-03-02.md": "two",
      "memory/projects.md": "other",
    });
    const reading = await read(folder.path);
    expect(reading.workspace.files.map((file) => file.path)).toEqual([
      "memory/2026-03-03.md",
      "memory/2026-03-02.md",
    ]);
    expect(left(reading, "older notes")?.reason).toContain("2 other entries");
  });

  test("caps cut a file with a visible marker, and the sum of all files", async () => {
    await using folder = await testFolder({
      "AGENTS.md": "a".repeat(20_000),
      "SOUL.md": `b${"😀".repeat(15_000)}`,
      "USER.md": "u".repeat(4_001),
      "IDENTITY.md": "i".repeat(30_000),
      "MEMORY.md": "m".repeat(100),
      "BOOTSTRAP.md": "s".repeat(1000),
    });
    const reading = await read(folder.path);
    const texts = new Map(reading.workspace.files.map((file) => [file.path, file.text]));
    expect(texts.get("AGENTS.md")).toBe("a".repeat(20_000));
    expect(texts.get("USER.md")).toBeUndefined();
    expect(left(reading, "USER.md")?.code).toBe("payload_too_large");
    expect(texts.get("SOUL.md")?.length).toBeLessThanOrEqual(20_000);
    expect(texts.get("SOUL.md")?.isWellFormed()).toBe(true);
    expect(texts.get("SOUL.md")).toContain(
      "[... cut: SOUL.md has 30001 characters, the limit is 20000 ...]",
    );
    const sum = reading.workspace.files.reduce((total, file) => total + file.text.length, 0);
    expect(sum).toBeLessThanOrEqual(60_000);
    expect(reading.taken.find((note) => note.subject === "SOUL.md")?.reason).toContain(
      "cut from 30001",
    );
  });

  test("USER.md has its own cap", async () => {
    await using folder = await testFolder({ "USER.md": "u".repeat(4_001) });
    const reading = await read(folder.path);
    expect(reading.workspace.files[0]?.text.length).toBeLessThanOrEqual(4_000);
    expect(reading.workspace.files[0]?.text).toContain("cut: USER.md");
  });

  test("binary content, NUL, huge and empty files are reported and the others go on", async () => {
    await using folder = await testFolder({
      "AGENTS.md": new Uint8Array([0xff, 0xfe, 0x41]),
      "SOUL.md": "a\0b",
      "IDENTITY.md": "x".repeat(workspaceLimits.fileBytes + 1),
      "USER.md": " \n",
      "MEMORY.md": "fine",
    });
    const reading = await read(folder.path);
    expect(reading.workspace.files).toEqual([{ path: "MEMORY.md", text: "fine" }]);
    expect(left(reading, "AGENTS.md")).toMatchObject({ code: "invalid_text" });
    expect(left(reading, "SOUL.md")?.reason).toContain("NUL");
    expect(left(reading, "IDENTITY.md")).toMatchObject({ code: "payload_too_large" });
    expect(left(reading, "USER.md")?.reason).toBe("it is empty");
  });
});

describe("links", () => {
  test("out of the workspace are refused, for files, chains, folders and skills", async () => {
    await using outside = await testFolder({
      "secret.md": "secret",
      "notes/2026-01-01.md": "secret",
      "skill/SKILL.md": skillText("stolen", "", "secret"),
    });
    await using folder = await testFolder({
      "AGENTS.md": "rules",
      "skills/ok/SKILL.md": skillText("ok"),
    });
    await symlink(outside.at("secret.md"), folder.at("SOUL.md"));
    await symlink(outside.at("secret.md"), folder.at("hop"));
    await symlink("hop", folder.at("USER.md"));
    await symlink(outside.at("notes"), folder.at("memory"));
    await symlink(outside.at("skill"), folder.at("skills/linked"));
    await mkdir(folder.at("skills/inner"));
    await symlink(outside.at("skill/SKILL.md"), folder.at("skills/inner/SKILL.md"));
    await symlink("IDENTITY.md", folder.at("IDENTITY.md"));
    const reading = await read(folder.path);
    expect(JSON.stringify(reading.workspace)).not.toContain("secret");
    expect(reading.workspace.skills.map((skill) => skill.name)).toEqual(["ok"]);
    for (const path of [
      "SOUL.md",
      "USER.md",
      "memory",
      "skills/linked",
      "skills/inner/SKILL.md",
      "IDENTITY.md",
    ]) {
      expect(reading.left.find((note) => note.path === path)).toMatchObject({
        path,
        code: "import_refused",
      });
    }
  });

  test("inside the workspace are followed, circles of folders end", async () => {
    await using folder = await testFolder({
      "docs/rules.md": "rules",
      "skills/a/SKILL.md": skillText("a"),
    });
    await symlink("docs/rules.md", folder.at("AGENTS.md"));
    await symlink("..", folder.at("skills/loop"));
    const reading = await read(folder.path);
    expect(reading.workspace.files).toEqual([{ path: "AGENTS.md", text: "rules" }]);
    expect(reading.workspace.skills.map((skill) => skill.name)).toEqual(["a"]);
  });

  test("a named pipe does not hang the import", async () => {
    await using folder = await testFolder({ "SOUL.md": "soul" });
    execFileSync("mkfifo", [folder.at("AGENTS.md")]);
    const reading = await read(folder.path);
    expect(left(reading, "AGENTS.md")).toMatchObject({ code: "import_refused" });
    expect(reading.workspace.files).toHaveLength(1);
  });
});

describe("skills", () => {
  test("front matter decides about name, description and who may call", async () => {
    await using folder = await testFolder({
      "skills/weather/SKILL.md": skillText("weather"),
      "skills/group/deploy/SKILL.md": skillText("deploy", "disable-model-invocation: true\n"),
      "skills/quiet/SKILL.md": skillText("quiet", "user-invocable: false\n"),
      "skills/unnamed/SKILL.md": "---\ndescription: Has no name.\n---\nText",
      ".agents/skills/weather/SKILL.md": skillText("weather"),
    });
    const reading = await read(folder.path);
    expect(reading.workspace.skills).toEqual([
      {
        name: "deploy",
        description: "Does deploy.",
        text: "How to deploy.\n",
        modelInvocable: false,
      },
      { name: "quiet", description: "Does quiet.", text: "How to quiet.\n", userInvocable: false },
      { name: "unnamed", description: "Has no name.", text: "Text" },
      { name: "weather", description: "Does weather.", text: "How to weather.\n" },
    ]);
    expect(left(reading, "skill weather")?.reason).toContain("another skill has this name");
    expect(workspaceSchema.safeParse(reading.workspace).success).toBe(true);
  });

  test("faulty ones are reported with the reason, the rest goes on", async () => {
    await using folder = await testFolder({
      "skills/a-none/SKILL.md": "# No front matter",
      "skills/b-open/SKILL.md": "---\nname: b\ndescription: never closed\n",
      "skills/c-yaml/SKILL.md": "---\n{: [\n---\ntext",
      "skills/d-bare/SKILL.md": "---\nname: d\n---\ntext",
      "skills/e-huge/SKILL.md": skillText("huge", "", "x".repeat(workspaceLimits.skillBytes)),
      "skills/f-bin/SKILL.md": new Uint8Array([0, 1, 2, 0xff]),
      "skills/g-flag/SKILL.md": skillText("flag", "user-invocable: perhaps\n"),
      "skills/h-colon/SKILL.md": "---\nname: colon\ndescription: Use when: it rains\n---\ntext",
      "skills/i-bomb/SKILL.md": skillText("bomb", bomb()),
      "skills/j-list/SKILL.md": "---\n- a\n- b\n---\ntext",
      "skills/ok/SKILL.md": skillText("ok"),
    });
    const reading = await read(folder.path);
    expect(reading.workspace.skills.map((skill) => skill.name)).toContain("ok");
    const reason = (path: string) =>
      reading.left.find((note) => note.path === `skills/${path}/SKILL.md`)?.reason ?? "";
    expect(reason("a-none")).toContain("no front matter");
    expect(reason("b-open")).toContain("no closing ---");
    expect(reason("c-yaml")).toContain("not YAML");
    expect(reason("d-bare")).toContain("no description");
    expect(reason("e-huge")).toContain("the limit is 256000");
    expect(reason("f-bin")).not.toBe("");
    expect(reason("g-flag")).toContain("user-invocable");
    expect(reason("j-list")).toContain("keys and values");
    const colon = reading.workspace.skills.find((skill) => skill.name === "colon");
    expect(colon?.description).toBe("Use when: it rains");
    expect(reading.taken.find((note) => note.subject === "skill colon")?.reason).toContain(
      "line by line",
    );
  });

  test("requirements are checked and reported; another system's skill is left", async () => {
    await using folder = await testFolder({
      "skills/tool/SKILL.md": skillText(
        "tool",
        'metadata:\n  {\n    "openclaw": { "requires": { "bins": ["sh", "no-such-bin"], "env": ["NO_SUCH"], "config": ["a.b"], "moon": [1] } },\n  }\n',
      ),
      "skills/old/SKILL.md": skillText(
        "old",
        `metadata: '{clawdbot: {requires: {anyBins: ["sh"]}}}'\n`,
      ),
      "skills/mac/SKILL.md": skillText("mac", 'metadata: { "openclaw": { "os": ["darwin"] } }\n'),
      "skills/dispatch/SKILL.md": skillText(
        "dispatch",
        "command-dispatch: tool\ncommand-tool: x\n",
      ),
      "skills/dispatch/scripts/run.sh": "echo",
    });
    const reading = await read(folder.path);
    expect(reading.workspace.skills.map((skill) => skill.name)).toEqual([
      "dispatch",
      "old",
      "tool",
    ]);
    const needs = left(reading, "requirements of skill tool")?.reason;
    expect(needs).toContain("not found here: no-such-bin");
    expect(needs).toContain("NO_SUCH (not set here)");
    expect(needs).toContain("a.b (not on)");
    expect(reading.left.some((note) => note.reason.includes("requires.moon"))).toBe(true);
    expect(left(reading, "requirements of skill old")?.reason).toContain(
      "one of the programs sh (found here)",
    );
    expect(left(reading, "skill mac")?.reason).toContain("darwin");
    expect(left(reading, "command-dispatch of skill dispatch")).toBeDefined();
    expect(left(reading, "files of skill dispatch")?.reason).toContain("scripts");
  });

  test("a list of allowed skills leaves the others, and names that are nowhere", async () => {
    await using folder = await testFolder({
      "skills/a/SKILL.md": skillText("a"),
      "skills/b/SKILL.md": skillText("b"),
    });
    const reading = await read(folder.path, { allowSkills: ["a", "github"] });
    expect(reading.workspace.skills.map((skill) => skill.name)).toEqual(["a"]);
    expect(left(reading, "skill b")).toBeDefined();
    expect(left(reading, "skill github")?.reason).toContain("no folder");
  });

  test("those that do not fit a resource are left, in order", async () => {
    await using folder = await testFolder({ "AGENTS.md": "rules" });
    for (let index = 0; index < 6; index++) {
      await folder.write(
        `skills/s${index}/SKILL.md`,
        skillText(`s${index}`, "", "x".repeat(120_000)),
      );
    }
    const reading = await read(folder.path);
    expect(reading.workspace.skills.map((skill) => skill.name)).toEqual(["s0", "s1", "s2", "s3"]);
    expect(left(reading, "skill s4")).toMatchObject({ code: "payload_too_large" });
    expect(left(reading, "skill s5")?.reason).toContain("does not fit");
    expect(Buffer.byteLength(JSON.stringify(reading.workspace))).toBeLessThanOrEqual(
      limits.resourceBytes,
    );
  });

  test("10,000 files neither slow the reading nor fill it", async () => {
    await using folder = await testFolder({ "AGENTS.md": "rules" });
    const names = Array.from({ length: 10_000 }, (_, index) => index);
    await mkdir(folder.at("memory"));
    for (let at = 0; at < names.length; at += 500) {
      await Promise.all(
        names
          .slice(at, at + 500)
          .map((index) =>
            index < 3_000
              ? folder.write(`memory/${String(1000 + index)}-01-01.md`, "note")
              : index < 6_000
                ? folder.write(`skills/s${index}/SKILL.md`, skillText(`s${index}`))
                : folder.write(`file${index}.txt`, "x"),
          ),
      );
    }
    const begun = performance.now();
    const reading = await read(folder.path);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(reading.workspace.files.length).toBeLessThanOrEqual(3);
    expect(reading.workspace.skills).toHaveLength(workspaceLimits.skills);
    expect(reading.left.some((note) => note.reason.includes("more than 2000 entries"))).toBe(true);
    expect(reading.left.some((note) => note.reason.includes("only 500 folders"))).toBe(true);
    expect(reading.left.length).toBeLessThan(600);
  }, 60_000);
});

test("a folder that does not exist, or is a file, is an error", async () => {
  await using folder = await testFolder({ file: "x" });
  await expect(read(folder.at("nowhere"))).rejects.toMatchObject({ code: "file_unreadable" });
  await expect(read(folder.at("file"))).rejects.toMatchObject({ code: "file_unreadable" });
});

/** YAML whose aliases would grow beyond memory. */
function bomb(): string {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"];
  for (let index = 1; index < 12; index++) {
    const refs = Array.from({ length: 9 }, () => `*a${index - 1}`).join(",");
    lines.push(`a${index}: &a${index} [${refs}]`);
  }
  return `${lines.join("\n")}\n`;
}
