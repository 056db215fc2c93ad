import { startTestGateway } from "./test-gateway.ts";
import { writeFileSync } from "node:fs";
const gateway = await startTestGateway({ port: { number: 18799, isChosen: true } });
gateway.conversations.answer = (m) => ({ deltas: ["Hel", "lo "], text: "Hello there: " + (m.content as any).text, gate: new Promise((r) => setTimeout(r, 1500)) });
  deltas: ["Hel", "lo "],
  text: "Hello there: " + (m.content as any).text,
});
writeFileSync(
  "/tmp/h/try/tokens.json",
  JSON.stringify({ admin: gateway.admin, demo: gateway.demo }),
);
console.log(gateway.url);
process.on("SIGTERM", () => gateway.close().then(() => process.exit(0)));
setInterval(() => {
  for (const line of gateway.reports.splice(0)) console.log(line);
}, 500);
