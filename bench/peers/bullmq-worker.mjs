// Copied beside the packages that the bench fetches, and run there: takes messages by HTTP, queues each as a
// job, works the jobs off and answers. Listens on $PORT and prints it.
import { createServer } from "node:http";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const path = process.env.REDIS_SOCKET;
const model = process.env.MODEL_URL;
const windowChars = Number(process.env.WINDOW_CHARS);
const lanes = Number(process.env.LANES);
const checkMs = 250;

const connection = { path, maxRetriesPerRequest: null };
const state = new Redis({ path });
/** Jobs of this process whose answers somebody waits for. */
const waiting = new Map();

/** The open-source version keeps an order only within a queue that is worked off one by one. */
const queues = Array.from({ length: lanes }, (_, lane) => {
  const name = `conversations-${lane}`;
  const worker = new Worker(name, handle, { connection, concurrency: 1 });
  worker.on("completed", ({ id }, reply) => waiting.get(id)?.resolve(reply));
  worker.on("failed", (job, error) => waiting.get(job?.id)?.reject(error));
  worker.on("error", (error) => console.error(error.message));
  return new Queue(name, {
    connection,
    defaultJobOptions: { removeOnComplete: { count: 1_000 } },
  });
});

async function handle({ data: { conversation, text } }) {
  const key = `history:${conversation}`;
  const stored = await state.lrange(key, -Math.ceil(windowChars / 50), -1);
  const messages = [...stored.map((each) => JSON.parse(each)), { role: "user", content: text }];
  const reply = await ask(newest(messages));
  const answer = { role: "assistant", content: reply };
  await state.rpush(key, JSON.stringify({ role: "user", content: text }), JSON.stringify(answer));
  return reply;
}

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

function newest(messages) {
  let chars = 0;
  let first = messages.length;
  while (first > 0 && chars + messages[first - 1].content.length <= windowChars) {
    first -= 1;
    chars += messages[first].content.length;
  }
  return messages.slice(first);
}

async function replyTo(queue, id, job) {
  const done = Promise.withResolvers();
  waiting.set(id, done);
  // A repeat of a message whose job is done already hears no event.
  const check = async () => {
    const now = await queue.getJob(id).catch(() => undefined);
    if (now?.finishedOn && now.returnvalue) done.resolve(now.returnvalue);
  };
  const timer = setInterval(() => void check(), checkMs);
  try {
    await queue.add("message", job, { jobId: id });
    return await done.promise;
  } finally {
    clearInterval(timer);
    waiting.delete(id);
  }
}

async function serve(request, body) {
  const [, conversation = "", what = ""] = request.url.split("/");
  if (what === "idle") {
    const counts = await Promise.all(queues.map((queue) => queue.getJobCounts("active", "wait")));
    return [200, { open: counts.reduce((sum, each) => sum + each.active + each.wait, 0) }];
  }
  if (what === "history") {
    const stored = await state.lrange(`history:${conversation}`, 0, -1);
    return [200, stored.map((each) => JSON.parse(each).content)];
  }
  const queue = queues[Number(conversation.slice(1)) % lanes];
  const { text } = JSON.parse(body);
  const id = request.headers["idempotency-key"];
  const job = { conversation, text };
  if (what === "message") return [200, { reply: await replyTo(queue, id, job) }];
  await queue.add("message", job, { jobId: id });
  return [202, { id }];
}

async function answer(request, response) {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  const [status, value] = await serve(request, body).catch((error) => [500, { error: String(error) }]);
  const text = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

const server = createServer((request, response) => void answer(request, response));

await Promise.all(queues.map((queue) => queue.waitUntilReady()));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log(server.address().port));
process.once("SIGTERM", () => process.exit(0));
