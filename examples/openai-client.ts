/**
 * The official OpenAI client, unchanged, talking to an agent. Start a node with `npm start`, then:
 *
 *     HOLDFAST_TOKEN=$(cat ~/.holdfast/admin-token) node examples/openai-client.ts
 *
 * The model is `organization/agent`; the header names the conversation, so that the agent remembers.
 */
import OpenAI from "openai";

const url = process.env.HOLDFAST_URL ?? "http://127.0.0.1:7400";
const model = process.env.HOLDFAST_AGENT ?? "demo/greeter";
const apiKey = process.env.HOLDFAST_TOKEN;
if (!apiKey) throw new Error("Set HOLDFAST_TOKEN.");

const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey,
  defaultHeaders: { "x-holdfast-conversation": "openai-example" },
});

const stream = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "Hello, who are you?" }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
process.stdout.write("\n");

const response = await client.responses.create({ model, input: "And what did I ask before?" });
console.log(response.output_text);
