/**
 * Holdfast's own client: send a message, watch the answer come, read the history.
 *
 *     HOLDFAST_TOKEN=$(cat ~/.holdfast/admin-token) node examples/sdk-client.ts
 */
import { createClient } from "@holdfast/sdk";

const url = process.env.HOLDFAST_URL ?? "http://127.0.0.1:7400";
const token = process.env.HOLDFAST_TOKEN;
if (!token) throw new Error("Set HOLDFAST_TOKEN.");

const [organization = "demo", agent = "greeter"] = (
  process.env.HOLDFAST_AGENT ?? "demo/greeter"
).split("/");
const conversation = { organization, agent, conversation: "sdk-example" };
const client = createClient({ url, token });

// Carries an Idempotency-Key: however often the network breaks, the message takes effect once.
const answer = await client.ask(conversation, "Hello from the SDK.", { waitMs: 60_000 });
console.log(answer.reply);

for await (const message of client.historyAll(conversation)) {
  console.log(`#${message.index} ${message.role}: ${message.text}`);
}
