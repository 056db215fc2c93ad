import { Readable } from "node:stream";
import type { AccountOptions } from "@holdfast/core";
import type { NodemailerError } from "nodemailer";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { emailLimits } from "./limits.ts";
import type { EmailSettings } from "./settings.ts";
import { tlsOptions } from "./tls.ts";

/** Where a try to send ended. From `sent` on, the server may have the whole mail. */
export type SmtpStep = "connect" | "login" | "envelope" | "content" | "sent";

/** Why it ended there: the server's answer, or what happened to the connection. */
export class SmtpFailure extends Error {
  override readonly name = "SmtpFailure";
  readonly step: SmtpStep;
  /** The server's answer with its code; undefined when it gave none. */
  readonly answer: { readonly code: number; readonly text: string } | undefined;
  /** A code of nodemailer or Node: ECONNREFUSED, ETIMEDOUT, EAUTH... */
  readonly reason: string;
  /** SMTP's word for what was refused, as "RCPT TO". */
  readonly command: string | undefined;

  constructor(step: SmtpStep, cause: NodemailerError) {
    super(`SMTP failed: ${step}`);
    this.step = step;
    this.reason = cause.originalCode ?? cause.code ?? "no code";
    this.command = cause.command;
    this.answer =
      cause.responseCode === undefined
        ? undefined
        : { code: cause.responseCode, text: cause.response ?? "" };
  }
}

/** One connection to the server for outgoing mail, logged in. */
export class SmtpSession {
  readonly #connection: SMTPConnection;
  #sent = 0;
  #failed: NodemailerError | undefined;
  #fail: ((error: NodemailerError) => void) | undefined;

  /** Errors: `SmtpFailure`; `HoldfastError` when a secret or the authorities' file cannot be read. */
  static async open(
    { settings, secret }: AccountOptions<EmailSettings>,
    signal: AbortSignal,
  ): Promise<SmtpSession> {
    const { smtp } = settings;
    const auth =
      smtp.user === undefined || smtp.password === undefined
        ? undefined
        : { user: smtp.user, pass: secret(smtp.password) };
    const session = new SmtpSession(
      new SMTPConnection({
        host: smtp.host,
        port: smtp.port ?? { tls: 465, starttls: 587, plain: 25 }[smtp.security],
        secure: smtp.security === "tls",
        requireTLS: smtp.security === "starttls",
        ignoreTLS: smtp.security === "plain",
        tls: await tlsOptions(settings),
        logger: false,
        connectionTimeout: emailLimits.connectTimeoutMs,
        greetingTimeout: emailLimits.connectTimeoutMs,
        dnsTimeout: emailLimits.connectTimeoutMs,
        socketTimeout: emailLimits.sendTimeoutMs,
        socketCloseTimeout: 1_000,
        maxResponseSize: emailLimits.smtpAnswerBytes,
      }),
    );
    await session.#step("connect", signal, (done) => session.#connection.connect(done));
    if (auth !== undefined) {
      await session.#step("login", signal, (done) => session.#connection.login(auth, done));
    }
    return session;
  }

  private constructor(connection: SMTPConnection) {
    this.#connection = connection;
    const fail = (error: NodemailerError) => {
      this.#failed ??= error;
      this.#fail?.(error);
    };
    connection.on("error", fail);
    connection.on("end", () => fail(ended()));
  }

  get isUsable(): boolean {
    return this.#failed === undefined && this.#sent < emailLimits.mailsPerConnection;
  }

  /** Resolves when the server has taken the mail. Errors: `SmtpFailure`; the session is closed then. */
  async send(from: string, to: string, source: Buffer, signal: AbortSignal): Promise<void> {
    const content = new Content(source);
    await this.#step(
      () => content.step,
      signal,
      (done) =>
        this.#connection.send({ from, to: [to], size: source.length }, content, (error) =>
          done(error ?? undefined),
        ),
    );
    this.#sent += 1;
  }

  close(): void {
    this.#failed ??= ended();
    this.#connection.close();
  }

  /** Says goodbye first. */
  quit(): void {
    if (this.#failed === undefined) this.#connection.quit();
    this.close();
  }

  async #step(
    step: SmtpStep | (() => SmtpStep),
    signal: AbortSignal,
    run: (done: (error?: NodemailerError | null) => void) => void,
  ): Promise<void> {
    const stop = Promise.withResolvers<void>();
    this.#fail = stop.reject;
    const abort = () => stop.reject(codeError("EABORT"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      if (this.#failed !== undefined) throw this.#failed;
      if (signal.aborted) throw codeError("EABORT");
      run((error) => (error ? stop.reject(error) : stop.resolve()));
      await stop.promise;
    } catch (error) {
      const failure = new SmtpFailure(
        typeof step === "string" ? step : step(),
        error as NodemailerError,
      );
      this.close();
      throw failure;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#fail = undefined;
    }
  }
}

/**
 * The mail as a stream that knows how far it was read: nodemailer writes the final dot when it has read
 * the end, and asks for the beginning when the server has said that it may come.
 */
class Content extends Readable {
  readonly #source: Buffer;
  #at = 0;
  #step: SmtpStep = "envelope";

  constructor(source: Buffer) {
    super({ highWaterMark: chunkBytes });
    this.#source = source;
  }

  get step(): SmtpStep {
    return this.#step;
  }

  override _read(): void {
    if (this.#at >= this.#source.length) {
      this.#step = "sent";
      this.push(null);
      return;
    }
    this.#step = "content";
    const chunk = this.#source.subarray(this.#at, this.#at + chunkBytes);
    this.#at += chunk.length;
    this.push(chunk);
  }
}

const chunkBytes = 16 * 1024;

function ended(): NodemailerError {
  return codeError("ECONNECTION");
}

function codeError(code: string): NodemailerError {
  return Object.assign(new Error(code), { code });
}
