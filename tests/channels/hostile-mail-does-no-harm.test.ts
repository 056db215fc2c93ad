import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeEmail, startFakeEmail } from "../../packages/testkit/src/platforms/index.ts";
import { eventually, OneNode, organization, shows, speed } from "./one-node.ts";

const MiB = 1024 * 1024;
const ada = "ada@people.example.org";
const ben = "ben@people.example.org";
const answersPerHour = 3;

let fake: FakeEmail;
let slowed: FakeEmail;
let node: OneNode;
let mails = 0;

beforeAll(async () => {
  [fake, slowed] = await Promise.all([startFakeEmail({ speed }), startFakeEmail({ speed })]);
  const { settings, env } = fake.account("socket");
  node = await OneNode.start(env);
  // One conversation for all threads of a person, so that it has a name that can be asked for.
  await node.apply([linkOf("ada", ada), linkOf("ben", ben)]);
  await node.account(fake, settings);
  const few = { ...slowed.account("socket").settings, answersPerHour };
  await node.account(slowed, few, { name: "slowed" });
  // What lies in a mailbox before is not answered.
  await eventually(async () => {
    expect([await node.state("email"), await node.state("slowed")]).toEqual([
      "connected",
      "connected",
    ]);
  });
});

afterAll(async () => {
  await node?.close();
  await Promise.all([fake?.close(), slowed?.close()]);
});

function linkOf(name: string, id: string) {
  return { kind: "IdentityLink", organization, name, identities: [{ channel: "email", id }] };
}

/** A mail as Ada's program might have written it; `head` and what stands behind it are the test's own. */
function mail(head: readonly string[], body: string | Buffer, from = ada): Buffer {
  mails += 1;
  const lines = [
    `Return-Path: <${from}>`,
    `From: ${from}`,
    `To: ${fake.address}`,
    `Message-ID: <bad-${mails}@people.example.org>`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    "MIME-Version: 1.0",
    ...head,
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), Buffer.from(body)]);
}

const text = "Content-Type: text/plain; charset=utf-8";

/** The one answer to this mail. */
async function answerTo(source: Buffer): Promise<string> {
  const before = fake.shown(ada).length;
  await fake.deliver(source);
  const [answer = ""] = (await shows(fake, ada, before + 1)).slice(before);
  return answer;
}

/** How many of them were answered to these addresses, when Ada's next mail is. */
async function answersTo(sources: readonly (Buffer | string)[], to: readonly string[]) {
  const count = () => to.reduce((sum, address) => sum + fake.shown(address).length, 0);
  const before = count();
  for (const source of sources) await fake.deliver(source);
  expect(await answerTo(mail([text], "still there?"))).toContain("still there?");
  return count() - before;
}

describe("strange mails are answered", () => {
  test("10 MiB of text: the beginning is read, and the agent knows", async () => {
    const line = "A line of a very long mail, and another word.\r\n";
    const answer = await answerTo(
      mail([text, "Subject: Long"], line.repeat(Math.ceil((10 * MiB) / line.length))),
    );
    expect(answer).toContain("Subject: Long");
    const heard = (await node.heard("person:ada")).at(-1) ?? "";
    expect(heard).toMatch(/is longer than [\d,]+ characters; the rest was cut/);
    expect(heard.length).toBeLessThan(1 * MiB);
  });

  test("parts that are nested 100 deep", async () => {
    const depth = 100;
    let body = `${text}\r\n\r\ndeep inside\r\n`;
    for (let level = depth; level > 0; level -= 1) {
      const type = `Content-Type: multipart/mixed; boundary="b${level}"`;
      body = `${type}\r\n\r\n--b${level}\r\n${body}\r\n--b${level}--\r\n`;
    }
    const answer = await answerTo(
      mail(["Subject: Deep", 'Content-Type: multipart/mixed; boundary="b0"'], `--b0\r\n${body}`),
    );
    expect(answer).toMatch(/Subject: Deep.*nested deeper/s);
  });

  test("mails in mails in mails, and 2,000 parts", async () => {
    let inner = `${text}\r\n\r\ninnermost`;
    for (let level = 0; level < 30; level += 1) {
      inner = `Subject: Level ${level}\r\nContent-Type: message/rfc822\r\n\r\n${inner}`;
    }
    const asMail = await answerTo(mail(["Subject: Nested", "Content-Type: message/rfc822"], inner));
    expect(asMail).toContain("Subject: Nested");
    const parts = `--p\r\n${text}\r\n\r\npart\r\n`.repeat(2_000);
    const many = await answerTo(
      mail(["Subject: Many", 'Content-Type: multipart/mixed; boundary="p"'], `${parts}--p--`),
    );
    expect(many).toMatch(/Subject: Many.*more than 500 parts/s);
  });

  test("wrong charsets, wrong encodings and wrong types", async () => {
    const odd: readonly [what: string, head: string, body: string | Buffer][] = [
      ["a charset that nobody knows", "Content-Type: text/plain; charset=x-no-such", "caf\xe9 one"],
      ["bytes that are no UTF-8", text, Buffer.from([0x63, 0xff, 0xfe, 0x20, 0x6f, 0x6e, 0x65])],
      [
        "UTF-16 that is none",
        "Content-Type: text/plain; charset=utf-16le",
        Buffer.from("\0\xd8one"),
      ],
      ["a NUL and a bell", text, "one\0two\u0007three"],
      [
        "no charset and Latin letters",
        "Content-Type: text/plain",
        Buffer.from("caf\xe9", "latin1"),
      ],
      ["a broken transfer encoding", `${text}\r\nContent-Transfer-Encoding: base64`, "%%%=b25l=\0"],
      ["no content type at all", "X-Nothing: here", "one"],
      ["a multipart without a boundary", "Content-Type: multipart/mixed", "one"],
    ];
    const before = fake.shown(ada).length;
    for (const [what, head, body] of odd) {
      await fake.deliver(mail([`Subject: Odd for ${what}`, head], body));
    }
    const answers = (await shows(fake, ada, before + odd.length)).slice(before);
    for (const [number, [what]] of odd.entries()) {
      expect(answers[number]).toContain(`Odd for ${what}`);
      expect(answers[number]?.isWellFormed(), what).toBe(true);
      expect(answers[number], what).not.toContain("\0");
    }
  });

  test("a winmail.dat is named as what cannot be read", async () => {
    const body = `--b\r\n${text}\r\n\r\nSee file\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Disposition: attachment; filename=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgA=\r\n--b--`;
    const answer = await answerTo(mail(['Content-Type: multipart/mixed; boundary="b"'], body));
    expect(answer).toMatch(/See file.*winmail\.dat cannot be read/s);
  });

  test("a subject and a name that want to be headers", async () => {
    const subject = Buffer.from("Hi\r\nBcc: eve@example.net\r\n\r\nbody").toString("base64");
    const before = fake.shown(ada).length;
    await fake.deliver(mail([text, `Subject: =?utf-8?B?${subject}?=`], "hello"));
    await shows(fake, ada, before + 1);
    const raw = String(fake.shown(ada).at(-1)?.raw);
    expect(raw.slice(0, raw.indexOf("\r\n\r\n"))).not.toMatch(/^bcc:/im);
    expect(fake.shown("eve@example.net")).toEqual([]);
  });
});

describe("what no person wrote is not answered", () => {
  test("a mail of another Holdfast agent, which would answer ours", async () => {
    const other = "agent@other.example.net";
    await answerTo(mail([text, "Subject: Hello"], "hello"));
    // What our agent wrote, as another one at another address would have written it.
    const ours = String(fake.shown(ada).at(-1)?.raw);
    const theirs = ours
      .replaceAll(ada, "TO")
      .replaceAll("example.org", "other.example.net")
      .replaceAll("TO", fake.address);
    expect(theirs).toMatch(/^From: .*agent@other\.example\.net/m);
    expect(await answersTo([theirs], [other])).toBe(0);
  });

  test("absences, newsletters and other automatic mails", async () => {
    const marks = [
      "Auto-Submitted: auto-replied",
      "Auto-Submitted: auto-generated",
      "Precedence: bulk",
      "List-Id: <news.example.org>",
      "X-Autoreply: yes",
    ];
    const absences = marks.map((mark) => mail([text, mark], "I am away until Monday.", ben));
    expect(await answersTo(absences, [ben])).toBe(0);
  });

  test("a mail in the account's own name, of nobody, and of a mailer daemon", async () => {
    const daemon = "mailer-daemon@people.example.org";
    const odd = [
      mail([text], "from yourself", fake.address),
      mail([text], "an answer?", daemon),
      "Subject: No sender at all\r\n\r\nhello",
      "",
      "\r\n\r\n",
      Buffer.from([0, 255, 254, 10, 13, 0]),
    ];
    expect(await answersTo(odd, [fake.address, daemon])).toBe(0);
  });

  test("two programs that hide what they are: the answers end at the limit", async () => {
    const machine = "machine@people.example.org";
    for (let number = 1; number <= answersPerHour + 3; number += 1) {
      slowed.say({ chat: machine, text: `over and over ${number}` });
    }
    await shows(slowed, machine, answersPerHour);
    await slowed.settled();
    // Somebody else is answered in the meantime.
    slowed.say({ chat: ben, text: "and me?" });
    await shows(slowed, ben, 1);
    expect(slowed.shown(machine)).toHaveLength(answersPerHour);
  });
});

test("a mail that came back fails the one that was sent, and is not answered", async () => {
  await answerTo(mail([text], "will it arrive?"));
  const platformId = fake.shown(ada).at(-1)?.platformId ?? "";
  const state = async () =>
    (await node.deliveries("person:ada"))
      .flatMap(({ pieces }) => pieces)
      .find((piece) => JSON.stringify(piece).includes(platformId));
  await fake.bounce(ada, platformId, "delayed");
  await fake.settled();
  await eventually(async () => expect((await state())?.state).toBe("sent"));
  await fake.bounce(ada, platformId, "failed");
  await eventually(async () => {
    const piece = await state();
    expect(piece?.state).toBe("failed");
    expect(piece?.reason).toMatch(/came back.*5\.1\.1/);
  });
  // A bounce of a mail that we never sent changes nothing.
  const forged = `From: MAILER-DAEMON@example.net\r\nTo: ${fake.address}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822; ${ben}\r\n\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <nobody@example.org>\r\n\r\n--x--\r\n`;
  expect(await answersTo([forged], [ben, "mailer-daemon@example.net"])).toBe(0);
});

test("a mail that came back is listed among the failed deliveries", async () => {
  await eventually(async () => {
    const [failure, ...others] = await node.failures("email");
    expect(failure).toMatchObject({ chat: ada, state: "failed" });
    expect(failure?.reason).toMatch(/came back/);
    expect(others).toEqual([]);
  }, 2_000);
});

test("after all of it the account works, and no rule of mail was broken", async () => {
  expect(await node.state("email")).toBe("connected");
  expect(fake.violations).toEqual([]);
  expect(slowed.violations).toEqual([]);
});
