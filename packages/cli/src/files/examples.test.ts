import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loadResources } from "./load-resources.ts";
import { readSources } from "./read-sources.ts";

const example = fileURLToPath(new URL("../../../../examples/agents.yaml", import.meta.url));

async function* noInput(): AsyncGenerator<string> {}

it("the example declares an organization, a provider and two agents", async () => {
  const { resources } = loadResources(await readSources([example], noInput()));
  const titles = resources.map((resource) => `${resource.kind} ${resource.name}`);
  expect(titles).toEqual(["Organization acme", "Provider local", "Agent concierge", "Agent desk"]);
});

it("refuses files that are missing, no text, or a folder without resources", async () => {
  await expect(readSources(["/nonexistent.yaml"], noInput())).rejects.toThrow("it does not exist");
  const folder = fileURLToPath(new URL(".", import.meta.url));
  await expect(readSources([folder], noInput())).rejects.toThrow("holds no *.yaml");
  async function* bytes() {
    yield Buffer.from([0xff, 0xfe, 0x00]);
  }
  await expect(readSources(["-"], bytes())).rejects.toThrow("is no UTF-8 text");
});
