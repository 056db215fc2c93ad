import type { Socket } from "node:net";
import type { Random } from "@holdfast/core";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import type { FaultRates, ShownMessage } from "../fake-platform.ts";
import type { TestCertificate } from "./certificates.ts";
import { headersOf, plainTextOf } from "./plain-text.ts";

/** Where a fault can be put: before the answer to that command; `content` while the mail is read. */
export type SmtpMoment = "login" | "mail" | "rcpt" | "content" | "dot";

/** An answer instead of the server's own; `cut` ends the connection, `keep-cut` after the mail was kept. */
export type SmtpFault = { readonly code: number; readonly text: string } | "cut" | "keep-cut";

export interface SmtpSideOptions {
  readonly address: string;
  readonly user: string;
  readonly password: () => string;
  readonly security: "tls" | "starttls" | "plain";
  readonly certificate: TestCertificate;
  readonly random: Random;
  readonly faults: () => FaultRates;
  readonly fault: (moment: SmtpMoment, to: string) => SmtpFault | undefined;
  readonly isBlocked: (address: string) => boolean;
  readonly count: (name: string) => void;
  readonly violation: (text: string) => void;
  readonly kept: (to: string, message: ShownMessage) => void;
  readonly speed: number;
}

const rate = { count: 60, windowMs: 10_000 };
const mailMaxBytes = 30 * 1024 * 1024;
const lineMaxChars = 998;

/** The server for the account's outgoing mail. */
export class SmtpSide {
  readonly #server: SMTPServer;
  readonly #options: SmtpSideOptions;
  readonly #times: number[] = [];
  /** By the client's address and port. */
  readonly #sockets = new Map<string, Socket>();
  #port = 0;

  private constructor(options: SmtpSideOptions) {
    this.#options = options;
    const { security, certificate } = options;
    this.#server = new SMTPServer({
      secure: security === "tls",
      key: certificate.key,
      cert: certificate.cert,
      ...(security === "plain" ? { hideSTARTTLS: true, allowInsecureAuth: true } : {}),
      logger: false,
      disableReverseLookup: true,
      size: mailMaxBytes,
      closeTimeout: 100,
      onAuth: (auth, session, done) => {
        const fault = this.#fault("login", "", session);
        if (fault !== undefined) return fault === "cut" ? undefined : done(fault);
        const isRight = auth.username === options.user && auth.password === options.password();
        return isRight
          ? done(null, { user: options.user })
          : done(answer(535, "5.7.8 Authentication credentials invalid"));
      },
      onMailFrom: ({ address }, session, done) => {
        const fault = this.#fault("mail", "", session);
        if (fault !== undefined) return fault === "cut" ? undefined : done(fault);
        if (address.toLowerCase() === options.address) return done();
        options.violation(`A mail in the name of ${address}.`);
        return done(answer(553, "5.7.1 Sender address rejected: not owned by user"));
      },
      onRcptTo: ({ address }, session, done) => {
        const to = address.toLowerCase();
        const fault = this.#fault("rcpt", to, session);
        if (fault !== undefined) return fault === "cut" ? undefined : done(fault);
        return done(this.#refusal(to));
      },
      onData: (stream, session, done) => {
        const to = session.envelope.rcptTo[0]?.address.toLowerCase() ?? "";
        if (this.#isCut("content", to, session)) return;
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("error", () => {});
        stream.on("end", () =>
          this.#take(to, Buffer.concat(chunks).toString("latin1"), session, done),
        );
      },
    });
    this.#server.on("error", () => {});
  }

  static async open(options: SmtpSideOptions): Promise<SmtpSide> {
    const side = new SmtpSide(options);
    await new Promise<void>((resolve) => {
      const listener = side.#server.listen(0, "127.0.0.1", () => {
        listener.on("connection", (socket) => side.#know(socket));
        const address = listener.address();
        side.#port = typeof address === "object" && address !== null ? address.port : 0;
        resolve();
      });
    });
    return side;
  }

  get port(): number {
    return this.#port;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(
    to: string,
    source: string,
    session: SMTPServerSession,
    done: (error?: Error | null, message?: string) => void,
  ): void {
    const { faults, random, count, kept } = this.#options;
    const fault = this.#options.fault("dot", to);
    if (fault === "cut") return this.#cut(session);
    if (typeof fault === "object") return done(answer(fault.code, fault.text));
    if (random.next() < (faults().serverError ?? 0)) {
      count("serverError");
      return done(answer(451, "4.3.0 Temporary server failure"));
    }
    this.#judge(source);
    kept(to, {
      platformId: headersOf(source).get("message-id")?.replace(/^<|>$/g, "") ?? "",
      text: plainTextOf(source) ?? "",
      raw: source,
    });
    if (fault === "keep-cut") return this.#cut(session);
    if (random.next() < (faults().lostAnswer ?? 0)) {
      count("lostAnswer");
      return this.#cut(session);
    }
    return done(null, "2.0.0 Ok: queued");
  }

  #refusal(to: string): Error | null {
    const { faults, random, count, violation, speed, isBlocked } = this.#options;
    if (isBlocked(to)) return answer(550, "5.1.1 The mail account does not exist");
    if (random.next() < (faults().tooMany ?? 0)) {
      count("tooMany");
      return answer(450, "4.7.1 Too many mails, try again later");
    }
    const now = performance.now();
    while ((this.#times[0] ?? now) <= now - rate.windowMs / speed) this.#times.shift();
    if (this.#times.length < rate.count) {
      this.#times.push(now);
      return null;
    }
    violation(`More than ${rate.count} mails in ${rate.windowMs / speed} ms.`);
    return answer(450, "4.7.1 Too many mails, try again later");
  }

  /** What receiving servers hold against a mail. */
  #judge(source: string): void {
    const headers = headersOf(source);
    const missing = ["from", "to", "date", "message-id", "subject"].filter(
      (name) => !headers.has(name),
    );
    if (missing.length > 0) this.#options.violation(`A mail without ${missing.join(", ")}.`);
    if (source.split("\r\n").some((line) => line.length > lineMaxChars)) {
      this.#options.violation(`A mail with a line of more than ${lineMaxChars} characters.`);
    }
    if (/(^|[^\r])\n|\r([^\n]|$)/.test(source))
      this.#options.violation("A mail with a bare line end.");
    if (/[\u0080-\u00ff]/.test(source)) this.#options.violation("A mail with bytes over 127.");
  }

  #fault(moment: SmtpMoment, to: string, session: SMTPServerSession): Error | "cut" | undefined {
    const fault = this.#options.fault(moment, to);
    if (fault === undefined) return undefined;
    if (typeof fault === "object") return answer(fault.code, fault.text);
    this.#cut(session);
    return "cut";
  }

  #isCut(moment: SmtpMoment, to: string, session: SMTPServerSession): boolean {
    return this.#fault(moment, to, session) === "cut";
  }

  #know(socket: Socket): void {
    const name = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#sockets.set(name, socket);
    socket.once("close", () => this.#sockets.delete(name));
  }

  #cut(session: SMTPServerSession): void {
    this.#sockets.get(`${session.remoteAddress}:${session.remotePort}`)?.destroy();
  }
}

function answer(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}
