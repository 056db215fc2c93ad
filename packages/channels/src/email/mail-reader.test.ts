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
const account = { organization: "acme", name: "mail" };
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
  const encoded = (type: string, text: string) =>
    `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.alloc(
      22 * MiB,
      text,
    )
      .toString("base64")
      .replace(/.{76}/g, "$&\r\n")}`;
  const mixed = (part: string) =>
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${html("x")}\r\n--b\r\n${part}\r\n--b--\r\n`;
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
    ["text of short lines in base64", () => encoded("text/plain; format=flowed", "a\n")],
    ["a calendar", () => encoded("text/calendar", "\n")],
    ["a text beside HTML", () => mixed(encoded("text/plain", "<\n"))],
    ["a mail in the mail", () => encoded("message/rfc822", "\n")],
    ["long threads", () => `References: ${ids("a")}\r\nIn-Reply-To: ${ids("b")}\r\n\r\nx`],
    ["broken headers", () => `To: ${'"('.repeat(100_000)}\r\n\r\nx`],
  ];

  test.each(kinds)("%s", async (_, rest) => {
    const reader = new MailReader(emailLimits);
    await reader.read(account, quick, true, never);
    const source = Buffer.from(`${head}${rest()}`);
    expect(source.length).toBeLessThan(emailLimits.mailBytes);
    const [turns, mail] = await turnsDuring(reader.read(account, source, true, never));
    expect(mail).toMatchObject({ subject: "Hello", from: { address: "ada@example.net" } });
    expect(mail.notices.join()).not.toContain("too much");
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
    const mail = await new MailReader(emailLimits).read(account, source, true, never);
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
        await reader.read(account, source, true, never);
        done.push(number);
      }),
    );
    expect(done).toEqual([0, 1, 2, 3]);
    expect(workers).toHaveLength(1);
  });

  test("lets accounts take turns, also with a mail that is tried again", async () => {
    const reader = new MailReader(emailLimits);
    const done: string[] = [];
    const read = async (name: string, source = quick) => {
      await reader.read({ organization: "acme", name }, source, true, never);
      done.push(name);
    };
    await reader.read(account, quick, true, never);
    const all = [read("a", slow), read("a"), read("a"), read("b"), read("b"), read("c")];
    await workers[0]?.terminate();
    await Promise.all(all);
    // The slow mail, that of which the thread ended, comes last of its account's.
    expect(done).toEqual(["b", "c", "a", "b", "a", "a"]);
  });

  test("is replaced when a mail takes too long, of which the head is read", async () => {
    const bounds = { ...emailLimits, readingMs: 1 };
    const reader = new MailReader(bounds);
    const mail = await reader.read(account, slow, true, never);
    expect(mail).toMatchObject({ subject: "Hello", text: "", attachments: [] });
    expect(mail.notices).toEqual([
      "It takes too much time or memory to read, so only its subject was read.",
    ]);
    bounds.readingMs = emailLimits.readingMs;
    expect((await reader.read(account, quick, true, never)).text).toBe("quick\n");
    expect(workers).toHaveLength(3);
  });

  test("is replaced when a mail takes too much memory", async () => {
    const reader = new MailReader({ ...emailLimits, readingHeapMiB: 16 });
    const mail = await reader.read(
      account,
      Buffer.from(`${head}\r\n${"\r\n".repeat(140_000)}`),
      true,
      never,
    );
    expect(mail.notices.join()).toContain("too much time or memory");
    expect((await reader.read(account, quick, true, never)).text).toBe("quick\n");
    expect(workers).toHaveLength(3);
  });

  test("reads a mail again when it ended for once", async () => {
    const reader = new MailReader(emailLimits);
    await reader.read(account, quick, true, never);
    const reading = reader.read(account, slow, true, never);
    await workers[0]?.terminate();
    expect((await reading).notices).toEqual([]);
    expect(workers).toHaveLength(2);
  });

  test("is replaced when the account is stopped", async () => {
    const reader = new MailReader(emailLimits);
    const stop = new AbortController();
    await reader.read(account, quick, true, never);
    const reading = reader.read(account, slow, true, stop.signal);
    const waiting = reader.read(account, quick, true, never);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "channel_unavailable" });
    expect((await waiting).text).toBe("quick\n");
  });

  test("ends when there are no more mails, and keeps no process from ending", async () => {
    const reader = new MailReader({ ...emailLimits, readerIdleMs: 1 });
    const ended = once(process, "worker").then(([worker]) => once(worker as Worker, "exit"));
    await reader.read(account, quick, true, never);
    await ended;
    expect((await reader.read(account, quick, true, never)).text).toBe("quick\n");
    const file = new URL("./mail-reader.ts", import.meta.url).href;
    const script = `const { mailReader } = await import(${JSON.stringify(file)});
      const mail = await mailReader.read({ organization: "acme", name: "mail" }, Buffer.from("Subject: x\\r\\n\\r\\nquick"), true, new AbortController().signal);
      console.log(mail.text);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--max-semi-space-size=4", "--input-type=module", "--eval", script],
      { timeout: 25_000 },
    );
    expect(stdout.trim()).toBe("quick");
  });
});
