/** The load generator, in its own process so that it takes no time from what it measures. */
import { answerParent } from "../lib/child.ts";
import { closedLoop } from "../lib/closed-loop.ts";
import type { HttpConnection } from "../lib/http-connection.ts";
import type { LoadPlan, LoadResult } from "../lib/load.ts";
import { openLane, type PeerTarget, peerText, requestText } from "./peer-request.ts";

/** OpenClaw's own clients wait for two minutes. */
const answerTimeoutMs = 120_000;

answerParent({ run }, async () => {});

async function run({ target, plan }: { target: PeerTarget; plan: LoadPlan }): Promise<LoadResult> {
  const connections: HttpConnection[] = [];
  try {
    for (let lane = 0; lane < plan.inFlight; lane += 1) {
      connections.push(await openLane(target, lane, answerTimeoutMs));
    }
    return await closedLoop(plan, async ({ lane, conversation, key, text }) => {
      const connection = connections[lane];
      if (!connection) throw new Error(`no connection ${lane}`);
      const request = { conversation, id: key, text: peerText(key, text), lane, wait: true };
      const { status, body } = await connection.send(requestText(target, request));
      if (status !== 200) return `status ${status}: ${body.slice(0, 200)}`;
      return body.includes(`re:${key}`) ? undefined : `another answer: ${body.slice(0, 200)}`;
    });
  } finally {
    for (const connection of connections) connection.close();
  }
}
