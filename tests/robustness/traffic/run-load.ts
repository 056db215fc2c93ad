/**
 * The load generator, in a process of its own so that nothing the tests do slows it: many conversations,
 * each with one careful client. Everything about it follows from the seed, but for the times at which the
 * cluster answers.
 */
import { createSeededRandom } from "@holdfast/testkit";
import { answerParent } from "../../../bench/lib/child.ts";
import { NodeApi } from "./api-client.ts";
import { ConversationClient, type Operation, pause } from "./conversation-client.ts";
import { monotonicMs, RecordWriter, type Tool } from "./record.ts";

export interface LoadOptions {
  readonly nodes: readonly { readonly name: string; readonly url: string }[];
  readonly token: string;
  /** PEM text of the authority; absent for plain HTTP. */
  readonly ca?: string;
  readonly seed: number;
  readonly conversations: number;
  /** `organization/agent`; conversation i talks to agent i modulo their number. */
  readonly agents: readonly string[];
  /** Operations a second that all conversations together aim at. */
  readonly ratePerSecond: number;
  /** Shares of operations with such a tool call, 0 to 1. */
  readonly payShare: number;
  readonly safeShare: number;
  /** Share of operations whose client does not wait for the answer before it sends the next. */
  readonly submitShare: number;
  readonly attemptTimeoutMs: number;
  readonly giveUpAfterMs: number;
  readonly recordFile: string;
}

export interface LoadCounts {
  readonly operations: number;
  readonly inFlight: number;
}

const stopping = new AbortController();
const clients: Promise<void>[] = [];
let record: RecordWriter | undefined;
let apis: NodeApi[] = [];
let operations = 0;
let inFlight = 0;
let ratePerSecond = 1;

answerParent(
  {
    start(options: LoadOptions) {
      const writer = new RecordWriter(options.recordFile);
      record = writer;
      ratePerSecond = options.ratePerSecond;
      const nodes = options.nodes.map(({ name, url }) => {
        return { name, api: new NodeApi(url, options.token, options.ca) };
      });
      apis = nodes.map(({ api }) => api);
      const { attemptTimeoutMs, giveUpAfterMs } = options;
      const common = { record: writer, nodes, attemptTimeoutMs, giveUpAfterMs };
      for (let i = 0; i < options.conversations; i += 1) {
        clients.push(converse(i, options, new ConversationClient(common, i)));
      }
    },
    counts: (): LoadCounts => ({ operations, inFlight }),
    /** No new operations; resolves when all have their answer or gave up. */
    async finish() {
      stopping.abort();
      await Promise.all(clients);
      return { operations, inFlight };
    },
  },
  async () => {
    stopping.abort();
    for (const api of apis) api.close();
    record?.close();
  },
);

async function converse(i: number, options: LoadOptions, client: ConversationClient) {
  const random = createSeededRandom(options.seed * 65_537 + i);
  const agent = options.agents[i % options.agents.length] ?? "";
  const { conversations } = options;
  await think(random.next() * (conversations / ratePerSecond) * 1_000);
  for (let n = 1; !stopping.signal.aborted; n += 1) {
    const operation: Operation = { agent, c: `c${i}`, n, ...next(random.next(), options) };
    operations += 1;
    inFlight += 1;
    await client.send(operation);
    inFlight -= 1;
    // Behind a message that is only accepted the next one follows at once: the turn then holds several.
    if (operation.waits) await think(random.next() * 2 * (conversations / ratePerSecond) * 1_000);
  }
}

function next(draw: number, { payShare, safeShare, submitShare }: LoadOptions) {
  const kinds: readonly (readonly [number, Tool, boolean])[] = [
    [payShare, "pay", true],
    [safeShare, "safe", true],
    [submitShare, "none", false],
  ];
  let left = draw;
  for (const [share, tool, waits] of kinds) {
    if (left < share) return { tool, waits };
    left -= share;
  }
  return { tool: "none", waits: true } as const;
}

/** In slices, so that the end of the load is not waited for. */
async function think(ms: number): Promise<void> {
  const until = monotonicMs() + ms;
  for (let left = ms; left > 0 && !stopping.signal.aborted; left = until - monotonicMs()) {
    await pause(Math.min(left, 500));
  }
}
