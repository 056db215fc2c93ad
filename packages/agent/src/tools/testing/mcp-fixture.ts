import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

/** A small real MCP server for the tests: tools that work, fail, hang, grow without end or end the process. */
export function createFixture(mode: string, pid = process.pid): McpServer {
  const server = new McpServer({ name: "fixture", version: "1.0.0" });
  if (mode === "thousand") {
    for (let i = 0; i < 1_000; i++) {
      server.registerTool(`tool-${i}`, { description: `Number ${i}` }, () => text(`${i}`));
    }
    return server;
  }
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      annotations: { readOnlyHint: true },
    },
    ({ a, b }) => text(String(a + b)),
  );
  server.registerTool("fail", { description: "Fails." }, () => ({
    ...text("it is broken"),
    isError: true,
  }));
  server.registerTool("die", { description: "Ends the server in the middle." }, () => {
    process.exit(3);
  });
  server.registerTool(
    "die-safely",
    { description: "The same, but may be repeated.", annotations: { idempotentHint: true } },
    () => process.exit(3),
  );
  server.registerTool("hang", { description: "Never answers." }, (context) => {
    return new Promise((resolve) => {
      context.mcpReq.signal.addEventListener("abort", () => {
        process.stderr.write("cancelled by the client\n");
        resolve(text("too late"));
      });
    });
  });
  server.registerTool("huge", { description: "Answers with 50 MB." }, () =>
    text("0123456789".repeat(5_000_000)),
  );
  server.registerTool("large", { description: "Answers with 1 MB." }, () =>
    text("0123456789".repeat(100_000)),
  );
  server.registerTool("environment", { description: "Its environment." }, () =>
    text(JSON.stringify({ ...process.env })),
  );
  server.registerTool("pid", { description: "Its process." }, () => text(String(pid)));
  server.registerTool("grow", { description: "Adds a tool." }, () => {
    server.registerTool("grown", { description: "Came later." }, () => text("here"));
    return text("done");
  });
  return server;
}

const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });
