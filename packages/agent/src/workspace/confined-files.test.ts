import { rename, symlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { confine, readConfined } from "./confined-files.ts";
import { testFolder } from "./test-folder.ts";

test("a folder that turns into a link while it is read never lets outside text in", async () => {
  await using outside = await testFolder({ "sub/file.md": "secret" });
  await using folder = await testFolder({ "sub/file.md": "inside" });
  await symlink(outside.at("sub"), folder.at("link"));
  const root = await confine(folder.path);
  const swapping = new AbortController();
  const swap = (async () => {
    while (!swapping.signal.aborted) {
      await rename(folder.at("sub"), folder.at("aside"));
      await rename(folder.at("link"), folder.at("sub"));
      await rename(folder.at("sub"), folder.at("link"));
      await rename(folder.at("aside"), folder.at("sub"));
    }
  })();
  const seen = new Set<string>();
  for (let index = 0; index < 1_500; index++) {
    const reading = await readConfined(root, "sub/file.md", 1_000);
    seen.add(reading.type === "text" ? reading.text : reading.type);
  }
  swapping.abort();
  await swap;
  expect(seen).not.toContain("secret");
  expect(await readConfined(root, "sub/file.md", 1_000)).toMatchObject({ text: "inside" });
});

test("a path with .. is refused as well", async () => {
  await using folder = await testFolder({ "in/file.md": "x", "out.md": "secret" });
  const root = await confine(folder.at("in"));
  expect(await readConfined(root, "../out.md", 100)).toMatchObject({
    type: "refused",
    code: "import_refused",
  });
});
