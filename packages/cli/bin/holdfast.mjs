#!/usr/bin/env -S node --max-semi-space-size=4
// A small young generation: a node keeps many small texts for long, and a large one leaves holes around
// them that are never given back.
import module from "node:module";
import { homedir } from "node:os";
import path from "node:path";

const [major] = process.versions.node.split(".");
if (Number(major) < 24) {
  process.stderr.write(
    `error[usage]: holdfast needs Node 24 or newer, this is ${process.version}.\n` +
      "  Start it with npx, which brings its own Node, or install Node 24.\n",
  );
  process.exit(2);
}
// Compiled code is kept between runs: commands start in half the time.
const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache");
module.enableCompileCache(path.join(cache, "holdfast"));
await import("../src/main.ts");
