import { type AccountCheck, type AccountOptions, toHoldfastError } from "@holdfast/core";
import { emailLimits } from "./limits.ts";
import { openMailbox } from "./mailbox.ts";
import { failureOutcome } from "./outcome.ts";
import type { EmailSettings } from "./settings.ts";
import { SmtpSession } from "./smtp-connection.ts";

/** Logs in to both servers and sends nothing. */
export async function checkAccount(
  options: AccountOptions<EmailSettings>,
  outer: AbortSignal,
): Promise<AccountCheck> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(emailLimits.readTimeoutMs)]);
  const results = await Promise.all([checkImap(options, signal), checkSmtp(options, signal)]);
  const findings = results.flatMap((result) => result.findings);
  if (options.settings.authenticatedBy === undefined) {
    findings.push(
      "authenticatedBy is not set: whoever forges a sender's address is taken for that sender.",
    );
  }
  return {
    ok: results.every((result) => result.ok),
    identity: options.settings.address,
    findings,
  };
}

interface Result {
  readonly ok: boolean;
  readonly findings: string[];
}

async function checkImap(
  options: AccountOptions<EmailSettings>,
  signal: AbortSignal,
): Promise<Result> {
  try {
    const client = await openMailbox(options, signal);
    const { mailbox } = client;
    const count = mailbox === false ? 0 : mailbox.exists;
    const news = client.capabilities.has("IDLE")
      ? "the server tells of new mail at once (IDLE)"
      : `the server has no IDLE, so it is asked every ${emailLimits.pollMs / 1_000} seconds`;
    client.close();
    return {
      ok: true,
      findings: [`The mailbox ${options.settings.imap.mailbox} has ${count} mails; ${news}.`],
    };
  } catch (error) {
    return { ok: false, findings: [toHoldfastError(error).message] };
  }
}

async function checkSmtp(
  options: AccountOptions<EmailSettings>,
  signal: AbortSignal,
): Promise<Result> {
  try {
    const session = await SmtpSession.open(options, signal);
    session.quit();
    return { ok: true, findings: ["The server for outgoing mail lets the account in."] };
  } catch (error) {
    const outcome = failureOutcome(error);
    const reason = outcome.outcome === "sent" ? "" : outcome.reason;
    const what =
      outcome.outcome === "unauthorized"
        ? "The server for outgoing mail refuses the account's user or password (SMTP)."
        : "The server for outgoing mail cannot be used.";
    return { ok: false, findings: [`${what} ${reason}`] };
  }
}
