import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createFixture } from "./mcp-fixture.ts";

const mode = process.argv[2] ?? "normal";

if (mode === "dead") {
  process.stderr.write("cannot start\n");
  process.exit(7);
} else if (mode === "silent") {
  process.stdin.resume();
} else {
  if (mode === "stubborn") {
    process.on("SIGTERM", () => process.stderr.write("not yet\n"));
    setInterval(() => {}, 1_000);
  }
  process.stderr.write(`started with ${process.env.FIXTURE_SECRET ?? "nothing"}\n`);
  serveStdio(() => createFixture(mode));
}
