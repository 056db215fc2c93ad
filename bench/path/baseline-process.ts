import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { answerParent } from "../lib/child.ts";
import { BaselineLog, Batches, Gate } from "./baseline-log.ts";

export interface BaselineOptions {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly replicas: number;
  readonly partitions: number;
  readonly appendsInFlight: number;
}

interface Turn {
  readonly id: number;
  readonly conversation: string;
  readonly text: string;
}

const pathPattern = /\/agents\/a(\d+)\/conversations\/([^/]+)\/messages$/;

/**
 * Baseline (a): the least that a durable turn can be. A bare `node:http` handler parses the body, appends it
 * to an inbox stream, reads it back, appends the answer to a journal stream with the expected last sequence,
 * and answers. Both appends are group commits. No authentication, no validation, no state, no recovery.
 */
let connection: NatsConnection | undefined;
const server = createServer({ keepAliveTimeout: 72_000 });
answerParent({ start }, async () => {
  server.closeAllConnections();
  await connection?.close();
});

async function start(options: BaselineOptions): Promise<{ url: string }> {
  const { servers, user, password: pass, replicas } = options;
  connection = await connect({ servers: [...servers], user, pass });
  const log = new BaselineLog(connection, replicas);
  const gate = new Gate(options.appendsInFlight);
  const answers = new Map<number, ServerResponse>();
  const inboxes: Batches<Turn>[] = [];
  for (let partition = 0; partition < options.partitions; partition += 1) {
    inboxes.push(await openPartition(log, gate, partition, answers));
  }
  let next = 0;
  const accept = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { text } = JSON.parse(await readText(request)) as { text: string };
    const [, agent = "", conversation = ""] = pathPattern.exec(request.url ?? "") ?? [];
    const inbox = inboxes[Number(agent) % inboxes.length];
    if (!inbox) throw new Error(`no agent in ${request.url}`);
    const id = next++;
    answers.set(id, response);
    inbox.add({ id, conversation: `${agent}/${conversation}`, text });
  };
  server.on("request", (request, response) => {
    accept(request, response).catch((thrown: unknown) => {
      response.writeHead(500).end(String(thrown));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The inbox of a partition, whose records come back, are answered, and leave once the journal has them. */
async function openPartition(
  log: BaselineLog,
  gate: Gate,
  partition: number,
  answers: Map<number, ServerResponse>,
): Promise<Batches<Turn>> {
  const inbox = await log.open(`baseline-inbox-${partition}`);
  const journal = await log.open(`baseline-journal-${partition}`);
  let last = journal.last;
  const journaled = new Batches<Turn & { reply: string }>(gate, async (batch) => {
    last = await log.append(journal.subject, JSON.stringify(batch), last);
    for (const { id, reply } of batch) {
      const response = answers.get(id);
      answers.delete(id);
      if (!response) continue;
      const text = JSON.stringify({ id, reply });
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      });
      response.end(text);
    }
  });
  log.follow(inbox.subject, (message: Msg) => {
    for (const turn of message.json<Turn[]>()) {
      journaled.add({ ...turn, reply: `echo: ${turn.text}` });
    }
  });
  return new Batches<Turn>(gate, async (batch) => {
    await log.append(inbox.subject, JSON.stringify(batch));
  });
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.once("end", () => resolve(text));
    request.once("error", reject);
  });
}
