import { Agent, request } from "node:http";
import type { BenchModel } from "../lib/model-process.ts";
import { Replay } from "./replay.ts";
import type { TraceSettings } from "./settings.ts";
import { type Shares, sharesOf } from "./shares.ts";
import type { Arrival } from "./trace-file.ts";

/**
 * The first requests of the trace at the same times, straight to the provider by a bare streaming client:
 * what is left of the response time without a platform in between.
 */
export async function baseline(
  model: BenchModel,
  { baselineRequests, conversations }: TraceSettings,
  speed: number,
  arrivals: readonly Arrival[],
): Promise<Shares> {
  const agent = new Agent({ keepAlive: true });
  const first = arrivals.slice(0, baselineRequests);
  const replay = new Replay({ arrivals: first, speed, conversations }, async (_, id, text) => {
    const body = { model: "paced", stream: true, messages: [{ role: "user", content: text }] };
    const answer = await post(agent, `${model.url}/chat/completions`, JSON.stringify(body));
    const problem = answer.includes(`re:${id}`) ? undefined : "another answer";
    return { problem, isDurable: true };
  });
  const exchanges = await replay.run();
  agent.destroy();
  return sharesOf(exchanges, await model.takeCalls());
}

function post(agent: Agent, url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const outgoing = request(url, { method: "POST", agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
