import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { accountFaults, channels } from "@holdfast/channels";
import { describe, expect, it } from "vitest";
import { loadResources } from "../packages/cli/src/files/load-resources.ts";

const folder = join(import.meta.dirname, "..");
const examples = join(folder, "examples/channels");
const load = (file: string, text: string) => loadResources([{ file, text }]).resources;

describe("examples/channels", () => {
  it("has one account for each channel, named after it, without a fault", () => {
    const kinds = readdirSync(examples).map((file) => {
      const resources = load(file, readFileSync(join(examples, file), "utf8"));
      const accounts = resources.filter((each) => each.kind === "Account");
      expect(accounts.flatMap(accountFaults), file).toEqual([]);
      expect(accounts.map(({ channel }) => `${channel}.yaml`)).toEqual([file]);
      expect(resources).toHaveLength(1);
      return accounts[0]?.channel;
    });
    expect(new Set(kinds)).toEqual(new Set(channels.keys()));
  });
});

describe("docs/channels.md", () => {
  const page = readFileSync(join(folder, "docs/channels.md"), "utf8");

  it("declares what can be applied", () => {
    const blocks = [...page.matchAll(/```yaml\n(kind:.*?)```/gs)].map(([, text = ""]) => text);
    expect(blocks).toHaveLength(2);
    for (const text of blocks) {
      for (const each of load("docs/channels.md", text)) {
        if (each.kind === "Account") expect(accountFaults(each)).toEqual([]);
      }
    }
  });

  it("tells of every channel what it can do and how much it may send", () => {
    const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const rowsOf = (kind: string) =>
      rows.filter(([, first = ""]) => first === kind || first.startsWith(`[${kind}](`));
    const rates = (list: readonly { count: number; perMs: number }[]) =>
      list.map(({ count, perMs }) => `${count} in ${perMs / 1_000} s`).join(", ");
    for (const [kind, { capabilities }] of channels) {
      const [able = [], limited = []] = rowsOf(kind);
      const [, , , threads, edits, typing, receipts] = able;
      expect([threads !== "", edits === "yes", typing === "yes", receipts], kind).toEqual([
        capabilities.threads,
        capabilities.edits,
        capabilities.typing,
        capabilities.receipts.join(", "),
      ]);
      const { text, rates: own } = capabilities;
      const unit = text.unit === "bytes" ? "bytes" : "characters";
      const isEndless = text.max === Number.MAX_SAFE_INTEGER;
      const longest = `${text.max.toLocaleString("en")} ${unit}`;
      expect(limited.slice(2, 5), kind).toEqual([
        isEndless ? "as long as the answer" : longest,
        rates(own.account),
        rates(own.direct),
      ]);
      expect(["no groups", rates(own.group)], kind).toContain(limited[5]);
    }
  });
});
