// Copied beside the SDK that the bench fetches, and run there; listens on $PORT and prints it.
import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

const model = process.env.MODEL_URL;
const windowChars = Number(process.env.WINDOW_CHARS);

/** A conversation: the model's answer is a step, message and answer are appended to the state. */
const conversation = restate.object({
  name: "Conversation",
  handlers: {
    message: async (ctx, { text }) => {
      const history = (await ctx.get("history")) ?? [];
      history.push({ role: "user", content: text });
      const reply = await ctx.run("model", () => ask(history));
      history.push({ role: "assistant", content: reply });
      ctx.set("history", newest(history));
      return { reply };
    },
    history: async (ctx) => (await ctx.get("history")) ?? [],
  },
});

async function ask(messages) {
  const response = await fetch(`${model}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "stub", messages }),
  });
  if (!response.ok) throw new Error(`the model answered ${response.status}`);
  const { choices } = await response.json();
  return choices[0].message.content;
}

/** As much as goes to the model: the state is written as a whole each time. */
function newest(history) {
  let chars = 0;
  let first = history.length;
  while (first > 0 && chars + history[first - 1].content.length <= windowChars) {
    first -= 1;
    chars += history[first].content.length;
  }
  return history.slice(first);
}

const server = createServer(restate.createEndpointHandler({ services: [conversation] }));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log(server.address().port));
process.once("SIGTERM", () => process.exit(0));
