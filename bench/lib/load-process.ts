import { answerParent } from "./child.ts";
import { HttpConnection } from "./http-connection.ts";
import { closedLoop } from "./closed-loop.ts";
import type { HttpTarget, LoadPlan, LoadResult } from "./load.ts";

/** The load generator, in its own process so that it takes no time from the event loop it measures. */
answerParent({ run: runHttp }, async () => {});

async function runHttp({
  target,
  plan,
}: {
  target: HttpTarget;
  plan: LoadPlan;
}): Promise<LoadResult> {
  const url = new URL(target.url);
  const connections: HttpConnection[] = [];
  try {
    for (let i = 0; i < plan.inFlight; i += 1) {
      connections.push(await HttpConnection.open(url.hostname, Number(url.port)));
    }
    return await closedLoop(plan, async (turn) => {
      const connection = connections[turn.lane];
      if (!connection) throw new Error(`no connection ${turn.lane}`);
      const { status, body } = await connection.send(request(target, url.host, turn));
      if (status !== 200) return `status ${status}: ${body.slice(0, 200)}`;
      return body.includes(`"echo: ${turn.text}"`) ? undefined : "another answer than the echo";
    });
  } finally {
    for (const connection of connections) connection.close();
  }
}

function request(
  { paths, headers }: HttpTarget,
  host: string,
  {
    conversation,
    key,
    text,
    lane,
  }: { conversation: number; key: string; text: string; lane: number },
): string {
  const body = `{"text":"${text}"}`;
  return (
    `POST ${paths[conversation]} HTTP/1.1\r\nhost: ${host}\r\n${headers[lane % headers.length] ?? ""}` +
    `content-type: application/json\r\nidempotency-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}
