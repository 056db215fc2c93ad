import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emailLimits } from "./limits.ts";
import { MailReader } from "./mail-reader.ts";

const MiB = 1024 * 1024;
const head = "From: ada@example.net\r\nMessage-ID: <1@example.net>\r\nSubject: Hello\r\n";
const quick = Buffer.from(`${head}\r\nquick`);
const slow = Buffer.from(`${head}\r\n${"\r\n".repeat(50_000)}`);
const never = new AbortController().signal;

let workers: Worker[];

function noteWorker(worker: Worker): void {
  workers.push(worker);
}

beforeEach(() => {
  workers = [];
  process.on("worker", noteWorker);
});

afterEach(async () => {
  process.off("worker", noteWorker);
  await Promise.all(workers.map((worker) => worker.terminate()));
});

/** How often others had their turn while it ran. */
async function turnsDuring<Result>(work: Promise<Result>): Promise<[turns: number, Result]> {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const result = await work.finally(() => {
    isDone = true;
  });
  return [turns, result];
}

describe("while a hostile mail is read the node goes on", () => {
  const ids = (letter: string) =>
    Array.from({ length: 7_000 }, (_, number) => `<${letter}${number}@x>`).join("\r\n ");
  const html = (text: string) => `Content-Type: text/html\r\n\r\n${text}`;
  const quoted = "Content-Transfer-Encoding: quoted-printable\r\n";
  const kinds: readonly (readonly [what: string, rest: () => string])[] = [
    ["many tags", () => html("<b>ab </b>".repeat(400_000))],
    ["many links", () => html("<a href=http://x.y/z>q</a>".repeat(150_000))],
    ["lines of a byte", () => `\r\n${"a\n".repeat(100_000)}`],
    ["more lines than are read", () => `\r\n${"\n".repeat(30 * MiB)}`],
    [
      "a file that is not encoded",
      () => `Content-Type: application/pdf\r\n\r\n${"x\r\n".repeat(100_000)}`,
    ],
    ["one long line", () => `\r\n${"word ".repeat(6 * MiB)}`],
    ["encoded HTML", () => `${quoted}${html("<p>=C3=A4 and more text=\r\n".repeat(400_000))}`],
    ["long threads", () => `References: ${ids("a")}\r\nIn-Reply-To: ${ids("b")}\r\n\r\nx`],
    ["broken headers", () => `To: ${'"('.repeat(100_000)}\r\n\r\nx`],
  ];

  test.each(kinds)("%s", async (_, rest) => {
    const reader = new MailReader(emailLimits);
    await reader.read(quick, true, never);
    const source = Buffer.from(`${head}${rest()}`);
    expect(source.length).toBeLessThan(emailLimits.mailBytes);
    const [turns, mail] = await turnsDuring(reader.read(source, true, never));
    expect(mail).toMatchObject({ subject: "Hello", from: { address: "ada@example.net" } });
    expect(turns).toBeGreaterThan(20);
    expect(workers).toHaveLength(1);
  });
});

describe("the thread that reads mails", () => {
  test("gives files and headers as they are", async () => {
    const file = Buffer.alloc(100_000, "file").toString("base64");
    const source = Buffer.from(
      `${head}Content-Type: multipart/mixed; boundary=b\r\nX-A: 1\r\nX-A: 2\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}\r\n--b--\r\n`,
    );
    const mail = await new MailReader(emailLimits).read(source, true, never);
    expect(mail.headers.get("x-a")).toEqual(["1", "2"]);
    expect(mail.attachments[0]?.content).toEqual(
      new Uint8Array(Buffer.alloc(100_000, "file")).buffer,
    );
    expect(mail.notices).toEqual([]);
  });

  test("takes one mail after the other, in their order", async () => {
    const reader = new MailReader(emailLimits);
    const done: number[] = [];
    const sources = [slow, quick, slow, quick];
    await Promise.all(
      sources.map(async (source, number) => {
        await reader.read(source, true, never);
        done.push(number);
      }),
    );
    expect(done).toEqual([0, 1, 2, 3]);
    expect(workers).toHaveLength(1);
  });

  test("is replaced when a mail takes too long, of which the head is read", async () => {
    const bounds = { ...emailLimits, readingMs: 1 };
    const reader = new MailReader(bounds);
    const mail = await reader.read(slow, true, never);
    expect(mail).toMatchObject({ subject: "Hello", text: "", attachments: [] });
    expect(mail.notices).toEqual([
      "It takes too much time or memory to read, so only its subject was read.",
    ]);
    bounds.readingMs = emailLimits.readingMs;
    expect((await reader.read(quick, true, never)).text).toBe("quick\n");
    expect(workers).toHaveLength(2);
  });

  test("is replaced when a mail takes too much memory", async () => {
    const reader = new MailReader({ ...emailLimits, readingHeapMiB: 40 });
    const mail = await reader.read(
      Buffer.from(`${head}\r\n${"\r\n".repeat(450_000)}`),
      true,
      never,
    );
    expect(mail.notices.join()).toContain("too much time or memory");
    expect((await reader.read(quick, true, never)).text).toBe("quick\n");
    expect(workers).toHaveLength(2);
  });

  test("is replaced when the account is stopped", async () => {
    const reader = new MailReader(emailLimits);
    const stop = new AbortController();
    await reader.read(quick, true, never);
    const reading = reader.read(slow, true, stop.signal);
    const waiting = reader.read(quick, true, never);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "channel_unavailable" });
    expect((await waiting).text).toBe("quick\n");
  });

  test("ends when there are no more mails, and keeps no process from ending", async () => {
    const reader = new MailReader({ ...emailLimits, readerIdleMs: 1 });
    const ended = once(process, "worker").then(([worker]) => once(worker as Worker, "exit"));
    await reader.read(quick, true, never);
    await ended;
    expect((await reader.read(quick, true, never)).text).toBe("quick\n");
    const file = new URL("./mail-reader.ts", import.meta.url).href;
    const script = `const { mailReader } = await import(${JSON.stringify(file)});
      const mail = await mailReader.read(Buffer.from("Subject: x\\r\\n\\r\\nquick"), true, new AbortController().signal);
      console.log(mail.text);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--max-semi-space-size=4", "--input-type=module", "--eval", script],
      { timeout: 25_000 },
    );
    expect(stdout.trim()).toBe("quick");
  });
});
