import { createInterface } from "node:readline";

/** A server of the older protocol, by hand: it ends at the first message that it does not know. */
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { id, method, params } = JSON.parse(line) as {
    id?: number;
    method: string;
    params?: { protocolVersion?: string; arguments?: unknown };
  };
  if (id === undefined) return;
  switch (method) {
    case "initialize":
      return answer(id, {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "old", version: "1" },
      });
    case "tools/list":
      return answer(id, {
        tools: [{ name: "echo.it", description: "Echoes", inputSchema: { type: "object" } }],
      });
    case "tools/call":
      return answer(id, {
        content: [{ type: "text", text: JSON.stringify(params?.arguments) }],
      });
    default:
      process.exit(9);
  }
});

function answer(id: number, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
}
