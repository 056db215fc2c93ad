import type { AccountOptions, Cancel } from "@holdfast/core";
import { emailLimits } from "./limits.ts";
import type { EmailSettings } from "./settings.ts";
import { Slots } from "./slots.ts";
import { SmtpSession } from "./smtp-connection.ts";

/** A few connections for outgoing mail; one that has nothing to do is kept for a moment. */
export class SmtpPool {
  readonly #options: AccountOptions<EmailSettings>;
  readonly #slots = new Slots(emailLimits.smtpConnections);
  readonly #idle = new Map<SmtpSession, Cancel>();
  #isClosed = false;

  constructor(options: AccountOptions<EmailSettings>) {
    this.#options = options;
  }

  /** Errors: those of `SmtpSession`. */
  async use<Result>(
    signal: AbortSignal,
    work: (session: SmtpSession) => Promise<Result>,
  ): Promise<Result> {
    return this.#slots.use(signal, async () => {
      const session = this.#takeIdle() ?? (await SmtpSession.open(this.#options, signal));
      const result = await work(session);
      this.#keep(session);
      return result;
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const session of this.#idle.keys()) this.#drop(session);
  }

  #takeIdle(): SmtpSession | undefined {
    for (const [session, cancel] of this.#idle) {
      cancel();
      this.#idle.delete(session);
      if (session.isUsable) return session;
      session.close();
    }
    return undefined;
  }

  #keep(session: SmtpSession): void {
    if (this.#isClosed || !session.isUsable) return session.quit();
    this.#idle.set(
      session,
      this.#options.clock.schedule(emailLimits.smtpIdleMs, () => this.#drop(session)),
    );
  }

  #drop(session: SmtpSession): void {
    this.#idle.get(session)?.();
    this.#idle.delete(session);
    session.quit();
  }
}
