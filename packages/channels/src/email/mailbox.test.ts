import { createServer, type Server } from "node:net";
import type { AccountOptions } from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { openMailbox } from "./mailbox.ts";
import { type EmailSettings, emailSettings } from "./settings.ts";

let server: Server | undefined;

afterEach(async () => {
  await new Promise((resolve) => server?.close(resolve));
});

/** A server that refuses every login in these words. */
async function refusesWith(answer: string): Promise<number> {
  const refusing = createServer((socket) => {
    socket.write("* OK [CAPABILITY IMAP4rev1] ready\r\n");
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      for (const line of bytes.toString().trim().split("\r\n")) {
        const [tag, command] = line.split(" ");
        socket.write(`${tag} ${command === "LOGIN" ? answer : "OK done"}\r\n`);
      }
    });
  });
  server = refusing;
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
  const address = refusing.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function options(port: number): AccountOptions<EmailSettings> {
  const password = { fromEnv: "MAIL_PASSWORD" };
  const host = { host: "127.0.0.1", port, security: "plain", user: "agent", password };
  return {
    organization: "acme",
    name: "mail",
    settings: emailSettings.parse({ address: "agent@example.org", imap: host, smtp: host }),
    secret: () => "correct horse",
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      schedule: () => () => {},
      soon: (run) => void setImmediate(run),
    },
    random: createSeededRandom(1),
    report: () => {},
  };
}

describe("a refused login", () => {
  test.each([
    ["NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "account_unauthorized"],
    ["NO [AUTHORIZATIONFAILED] No such mailbox", "account_unauthorized"],
    ["NO [EXPIRED] Choose a new password", "account_unauthorized"],
    ["NO [PRIVACYREQUIRED] Not without TLS", "account_unauthorized"],
    ["NO [ALERT] Application-specific password required (Failure)", "account_unauthorized"],
    ["NO LOGIN failed.", "account_unauthorized"],
    ["NO [ALERT] Too many simultaneous connections. (Failure)", "channel_unavailable"],
    ["NO [ALERT] Account exceeded command or bandwidth limits. (Failure)", "channel_unavailable"],
    ["NO Temporary authentication failure", "channel_unavailable"],
    ["NO [UNAVAILABLE] The users' database is away", "channel_unavailable"],
    ["NO [OVERQUOTA] Not now", "channel_unavailable"],
  ])("by %s is %s", async (answer, code) => {
    const port = await refusesWith(answer);
    await expect(openMailbox(options(port), AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code,
      message: expect.not.stringMatching(/Failure|database|horse/),
    });
  });
});
