// Copied beside the SDK that the bench fetches, and run there; listens on $PORT and prints it.
import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

/** A conversation: appends the message and the answer to its state, counts, answers. */
const conversation = restate.object({
  name: "Conversation",
  handlers: {
    message: async (ctx, { text }) => {
      const count = ((await ctx.get("count")) ?? 0) + 1;
      const reply = `echo: ${text}`;
      ctx.set("count", count);
      ctx.set("newest", { text, reply });
      return { count, reply };
    },
  },
});

const server = createServer(restate.createEndpointHandler({ services: [conversation] }));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log(server.address().port));
process.once("SIGTERM", () => process.exit(0));
