import { readFileSync } from "node:fs";

const command = new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url);

/** The flags with which the `holdfast` command starts Node.js, so that a bench runs a node as it is run. */
export function commandFlags(): string[] {
  const [firstLine = ""] = readFileSync(command, "utf8").split("\n");
  return firstLine.split(" ").filter((word) => word.startsWith("--"));
}
