import { type FSWatcher, watch } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeededRandom } from "../../seeded-random.ts";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
  ReceiveMode,
  ShownMessage,
} from "../fake-platform.ts";
import { makeCertificate } from "./certificates.ts";
import { type Dovecot, startDovecot } from "./dovecot.ts";
import { ImapGate } from "./imap-gate.ts";
import { addressOf, bounceOf, PeopleMails } from "./people-mails.ts";
import { type SmtpFault, type SmtpMoment, SmtpSide } from "./smtp-side.ts";

export interface FakeEmail extends FakePlatform {
  readonly address: string;
  /** Puts a mail's source into the mailbox. */
  deliver(source: string | Buffer): Promise<void>;
  /** A server far away sends the account's mail back. */
  bounce(chat: string, platformId: string, action: "failed" | "delayed"): Promise<void>;
  /** Ends the connections to the mailbox; `shut` keeps new ones out, too. */
  cut(): void;
  shut(isShut: boolean): void;
  /** Gives all mails of the mailbox new numbers. */
  renumber(): Promise<void>;
  /** Connections to the mailbox since the start. */
  readonly imapConnections: number;
  /** Asked at every step of every mail to the account's outgoing server. */
  onSmtp: ((moment: SmtpMoment, to: string) => SmtpFault | undefined) | undefined;
}

export interface FakeEmailOptions extends FakePlatformOptions {
  readonly security?: "tls" | "starttls" | "plain";
  /** Without it the server tells of new mail only when it is asked. */
  readonly hasIdle?: boolean;
  /** Of people's mails; none by default, so that an agent sees the text alone. */
  readonly subject?: string;
}

const address = "agent@example.org";
const password = "correct horse";
const reorderMaxMs = 200;
const passwordKnownMs = 1_100;

/** Mail as it is: the mailbox is a real dovecot, the way out a server that keeps what it takes. */
export async function startFakeEmail(options: FakeEmailOptions = {}): Promise<FakeEmail> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-email-"));
  const certificate = await makeCertificate(folder);
  const dovecot = await startDovecot(
    folder,
    address,
    password,
    certificate,
    options.hasIdle ?? true,
  );
  const security = options.security ?? "tls";
  const gate = await ImapGate.open(security === "tls" ? dovecot.tlsPort : dovecot.plainPort);
  const random = createSeededRandom(options.seed ?? 1);
  const people = new PeopleMails(address, options.subject ?? "");
  const mailbox = new Mailbox(dovecot);
  const shown = new Map<string, ShownMessage[]>();
  const listeners = new Set<() => void>();
  const blocked = new Set<string>();
  const violations: string[] = [];
  const counts: Record<string, number> = {};
  const count = (name: string) => (counts[name] = (counts[name] ?? 0) + 1);
  let isRevoked = false;
  let uidValidity = Math.floor(Date.now() / 1_000) + 1_000;
  let held: { chat: string; source: string } | undefined;

  const happens = (name: keyof FaultRates) => {
    const does = random.next() < (fake.faults[name] ?? 0);
    if (does) count(name);
    return does;
  };
  const put = (source: string) => {
    void mailbox.add(source);
    if (happens("duplicate")) void mailbox.add(source);
    if (happens("dropped")) gate.cut();
  };
  const changePassword = async () => {
    // The server looks at its users once a second: until then nobody is let in, rather than the wrong one.
    gate.shut(true);
    await dovecot.setPassword(isRevoked ? `${password}, once` : password);
    await new Promise((resolve) => setTimeout(resolve, passwordKnownMs));
    gate.shut(false);
  };
  const release = () => {
    const mail = held;
    held = undefined;
    if (mail !== undefined) put(mail.source);
  };

  const smtp = await SmtpSide.open({
    address,
    user: address,
    password: () => (isRevoked ? `${password}, once` : password),
    security,
    certificate,
    random,
    faults: () => fake.faults,
    fault: (moment, to) => fake.onSmtp?.(moment, to),
    isBlocked: (to) => blocked.has(to),
    count,
    violation: (text) => violations.push(text),
    kept(to, message) {
      shown.set(to, [...(shown.get(to) ?? []), message]);
      people.remember(to, `<${message.platformId}>`);
      for (const listen of listeners) listen();
    },
    speed: options.speed ?? 1,
  });

  const fake: FakeEmail = {
    kind: "email",
    address,
    faults: options.faults ?? {},
    violations,
    counts,
    onSmtp: undefined,
    get imapConnections() {
      return gate.connections;
    },
    account(mode: ReceiveMode) {
      if (mode !== "socket") throw new Error("Mail has no webhooks.");
      const secret = { fromEnv: "HOLDFAST_TEST_EMAIL_PASSWORD" };
      return {
        settings: {
          address,
          displayName: "Agent",
          imap: {
            host: "localhost",
            port: gate.port,
            security,
            user: address,
            password: secret,
          },
          smtp: { host: "localhost", port: smtp.port, security, user: address, password: secret },
          tls: { caFile: certificate.caFile },
          answersPerHour: 100_000,
        },
        env: { HOLDFAST_TEST_EMAIL_PASSWORD: password },
      };
    },
    deliverTo() {
      // Mail is fetched.
    },
    say(message: PersonMessage) {
      if (message.kind === "group") throw new Error("Mail has no groups.");
      const mail = { chat: addressOf(message.chat), source: people.write(message) };
      const isOther = held !== undefined && held.chat !== mail.chat;
      if (held !== undefined && !isOther) release();
      if (held === undefined && !isOther && happens("reordered")) {
        held = mail;
        setTimeout(release, reorderMaxMs);
        return;
      }
      put(mail.source);
      release();
    },
    shown: (chat) => shown.get(addressOf(chat)) ?? [],
    onShown(listen) {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
    async settled() {
      release();
      await mailbox.settled();
    },
    revoke(revoked) {
      isRevoked = revoked;
      void changePassword();
    },
    block(chat) {
      blocked.add(addressOf(chat));
    },
    deliver: (source) => mailbox.add(source),
    async bounce(chat, platformId, action) {
      const found = shown.get(addressOf(chat))?.find((one) => one.platformId === platformId);
      if (typeof found?.raw !== "string") throw new Error("No such mail was sent.");
      await mailbox.add(bounceOf(address, addressOf(chat), found.raw, action));
    },
    cut: () => gate.cut(),
    shut: (isShut) => gate.shut(isShut),
    async renumber() {
      gate.cut();
      uidValidity += 1;
      await dovecot.renumber(uidValidity);
    },
    async close() {
      mailbox.close();
      await Promise.all([gate.close(), smtp.close()]);
      await dovecot.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return fake;
}

/** Delivers one after the other, and knows what was not read yet. */
class Mailbox {
  readonly #dovecot: Dovecot;
  readonly #watcher: FSWatcher;
  readonly #unread = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #last: Promise<void> = Promise.resolve();
  #count = 0;
  #isLooking: "no" | "yes" | "again" = "no";

  constructor(dovecot: Dovecot) {
    this.#dovecot = dovecot;
    this.#watcher = watch(join(dovecot.inbox, "cur"), () => void this.#look());
  }

  add(source: string | Buffer): Promise<void> {
    this.#count += 1;
    // The server numbers mails in the order of the seconds and microseconds in their names.
    const name = `${Math.floor(Date.now() / 1_000)}.M${String(this.#count).padStart(6, "0")}P1.localhost`;
    this.#unread.add(name);
    this.#last = this.#last.then(() => this.#dovecot.deliver(name, source));
    return this.#last;
  }

  async settled(): Promise<void> {
    await this.#last;
    await this.#look();
    if (this.#unread.size === 0) return;
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  close(): void {
    this.#watcher.close();
  }

  async #look(): Promise<void> {
    if (this.#isLooking !== "no") {
      this.#isLooking = "again";
      return;
    }
    do {
      this.#isLooking = "yes";
      for (const name of await this.#dovecot.seen()) this.#unread.delete(name);
    } while (this.#wantsMore());
    this.#isLooking = "no";
    if (this.#unread.size > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #wantsMore(): boolean {
    return this.#isLooking === "again";
  }
}
