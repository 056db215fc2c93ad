import { answerParent } from "../lib/child.ts";
import { HttpConnection } from "../lib/http-connection.ts";
import { arrivalTimes } from "./arrivals.ts";
import type { Sent, SendPlan } from "./generator.ts";
import { monotonicMs } from "./monotonic.ts";
import { webhookText } from "./webhooks.ts";

/** Between the last preparation and the first webhook. */
const leadMs = 50;
const namedProblems = 5;

/** The platforms' side that sends webhooks, in its own process. */
answerParent({ send, cpu: () => process.cpuUsage() }, async () => {});

/** Everything is built and signed, and every connection stands, before the first one leaves. */
async function send({ target, world, first, rate, seconds, seed, connections }: SendPlan) {
  const times = arrivalTimes(rate, seconds, seed);
  const url = new URL(target.url);
  const texts = Array.from(times, (_, index) => webhookText(first + index, world, url.host));
  const free: HttpConnection[] = [];
  for (let count = 0; count < connections; count += 1) {
    free.push(await HttpConnection.open(url.hostname, Number(url.port), { ca: target.ca }));
  }
  const all = [...free];
  try {
    return await openLoop(times, texts, free);
  } finally {
    for (const connection of all) connection.close();
  }
}

async function openLoop(
  times: Float64Array,
  texts: readonly string[],
  free: HttpConnection[],
): Promise<Sent> {
  const plannedAt = new Float64Array(times.length);
  const sentAt = new Float64Array(times.length).fill(Number.NaN);
  const ackedAt = new Float64Array(times.length).fill(Number.NaN);
  const problems = new Map<string, number>();
  const tell = (problem: string) => {
    const isNamed = problems.has(problem) || problems.size < namedProblems;
    if (isNamed) problems.set(problem, (problems.get(problem) ?? 0) + 1);
  };
  const done = Promise.withResolvers<void>();
  const start = monotonicMs() + leadMs;
  times.forEach((time, index) => {
    plannedAt[index] = start + time;
  });
  let next = 0;
  let open = times.length;
  let timer: NodeJS.Timeout | undefined;

  const exchange = async (index: number, connection: HttpConnection) => {
    sentAt[index] = monotonicMs();
    try {
      const { status, body } = await connection.send(texts[index] ?? "");
      if (status === 200) ackedAt[index] = monotonicMs();
      else tell(`status ${status}: ${body.slice(0, 120)}`);
      free.push(connection);
    } catch (thrown) {
      tell(String(thrown));
    }
    open -= 1;
    if (open === 0) done.resolve();
    pump();
  };
  /** Sends all that is due and finds a connection; what is due later gets a timer. */
  const pump = () => {
    const now = monotonicMs();
    while (next < times.length && (plannedAt[next] ?? 0) <= now) {
      const connection = free.pop();
      if (!connection) return;
      void exchange(next, connection);
      next += 1;
    }
    if (next === times.length || timer !== undefined) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        pump();
      },
      Math.max(0, (plannedAt[next] ?? 0) - now),
    );
  };
  pump();
  await done.promise;
  return {
    plannedAt,
    sentAt,
    ackedAt,
    problems: [...problems].map(([what, n]) => `${n} x ${what}`),
  };
}
