import { HoldfastError, type SendOutcome } from "@holdfast/core";
import { emailLimits } from "./limits.ts";
import { oneLine } from "./read-mail.ts";
import { SmtpFailure } from "./smtp-connection.ts";

/** What a failed try to send means. */
export function failureOutcome(thrown: unknown): SendOutcome {
  if (thrown instanceof HoldfastError) {
    return thrown.code === "account_unauthorized"
      ? { outcome: "unauthorized", reason: thrown.message }
      : { outcome: "retry", reason: thrown.message, scope: "account" };
  }
  if (thrown instanceof SmtpFailure) return smtpOutcome(thrown);
  return { outcome: "failed", reason: "The mail could not be written." };
}

function smtpOutcome(failure: SmtpFailure): SendOutcome {
  const { answer, step } = failure;
  if (answer === undefined) return silentOutcome(failure);
  const reason = oneLine(`The mail server said: ${answer.text}`, emailLimits.answerChars);
  if (isLoginRefused(failure)) return { outcome: "unauthorized", reason };
  if (isQuotaUsedUp(answer)) {
    return { outcome: "retry", reason, afterMs: emailLimits.quotaRetryMs, scope: "account" };
  }
  const isBeforeMail = step === "connect" || step === "login";
  // 503: the connection was in another state than thought; a 5xx as a greeting is the server's own trouble.
  if (answer.code < 500 || answer.code === 503 || isBeforeMail) {
    const afterMs = waitOf(answer.text);
    return {
      outcome: "retry",
      reason,
      scope: failure.command === "RCPT TO" ? "chat" : "account",
      ...(afterMs === undefined ? {} : { afterMs }),
    };
  }
  return { outcome: "failed", reason };
}

/** The server said nothing: what counts is whether it may have the whole mail. */
function silentOutcome({ step, reason: code }: SmtpFailure): SendOutcome {
  if (step === "sent") {
    return {
      outcome: "unknown",
      reason: `The mail server has the mail but did not say that it took it (${code}).`,
    };
  }
  if (step === "login" && (code === "EAUTH" || code === "ENOAUTH")) {
    return { outcome: "unauthorized", reason: "The mail server offers no login that fits (SMTP)." };
  }
  // nodemailer itself refuses: too large for the server, or an address that it cannot write.
  if (code === "EMESSAGE" || code === "EENVELOPE") {
    return { outcome: "failed", reason: `The mail server does not take such mails (${code}).` };
  }
  return {
    outcome: "retry",
    reason: `The connection to the mail server failed (SMTP, ${code}).`,
    scope: "account",
  };
}

function isLoginRefused({ answer, step }: SmtpFailure): boolean {
  if (answer === undefined) return false;
  return (
    answer.code === 535 ||
    answer.code === 530 ||
    (step === "login" && answer.code >= 500 && answer.code !== 503)
  );
}

/**
 * The account has sent all that it may for now, which Gmail and Exchange say with a 5xx. The sender's quota alone:
 * a recipient's full mailbox (5.2.2) holds up nobody else.
 */
function isQuotaUsedUp({ code, text }: { readonly code: number; readonly text: string }): boolean {
  return code >= 500 && /\b5\.4\.5\b|(sending|submission)\s*(limit|quota)/i.test(text);
}

/** "Try again in 5 minutes", as some servers say it. */
function waitOf(text: string): number | undefined {
  const match = /\b(?:in|after|wait(?: for)?)\s+(\d{1,5})\s*(s|sec|seconds?|min|minutes?)\b/i.exec(
    text,
  );
  if (match?.[1] === undefined) return undefined;
  const unitMs = match[2]?.toLowerCase().startsWith("m") ? 60_000 : 1_000;
  return Math.min(Number(match[1]) * unitMs, emailLimits.retryAfterMaxMs);
}
