import {
  callsRetryMs,
  pairRetryMs,
  spamRetryMs,
  temporaryRetryMs,
  throughputRetryMs,
} from "./limits.ts";

/** What an error code of the Cloud API means for a message. */
export type CodeMeaning =
  | { readonly outcome: "unauthorized" | "failed"; readonly reason: string }
  | {
      readonly outcome: "retry";
      readonly reason: string;
      readonly afterMs: number;
      readonly scope?: "chat" | "account";
    };

/**
 * Meta asks to go by the code, never by the status or the text. Undefined for codes that are not known
 * here. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
 */
export function meaningOf(code: number): CodeMeaning | undefined {
  if (code >= 200 && code <= 299) return unauthorized("the token lacks a permission");
  if (code >= 132000 && code <= 132999) return failed("the template is refused");
  return meanings.get(code);
}

const unauthorized = (reason: string) => ({ outcome: "unauthorized", reason }) as const;
const failed = (reason: string) => ({ outcome: "failed", reason }) as const;
const retry = (reason: string, afterMs: number, scope?: "chat" | "account") =>
  ({ outcome: "retry", reason, afterMs, ...(scope === undefined ? {} : { scope }) }) as const;

const temporary = retry("WhatsApp has trouble of its own", temporaryRetryMs);
const badParameter = failed("WhatsApp refuses a field of the message");
const calls = retry("too many calls for this business account", callsRetryMs, "account");

const meanings: ReadonlyMap<number, CodeMeaning> = new Map<number, CodeMeaning>([
  [0, unauthorized("the token is not valid any more")],
  [190, unauthorized("the token has expired or was revoked")],
  [3, unauthorized("the app lacks a capability")],
  [10, unauthorized("the token lacks a permission")],
  [33, unauthorized("the phone number was deleted")],
  [368, unauthorized("the business account is restricted for breaking a policy")],
  [131005, unauthorized("access is denied")],
  [131031, unauthorized("the business account is locked")],
  [131042, unauthorized("the business account's payment method does not work")],
  [131045, unauthorized("the phone number's certificate is wrong: register it again")],
  [133010, unauthorized("the phone number is not registered")],

  [4, calls],
  [613, calls],
  [80007, calls],
  [130429, retry("too many messages a second from this number", throughputRetryMs, "account")],
  [131048, retry("too many messages were marked as spam", spamRetryMs, "account")],
  [131056, retry("too many messages to this person", pairRetryMs, "chat")],

  [1, temporary],
  [2, temporary],
  [131000, temporary],
  [131016, temporary],
  [131057, retry("the account is in maintenance", callsRetryMs, "account")],
  [133004, temporary],

  [100, badParameter],
  [131008, badParameter],
  [131009, badParameter],
  [131051, failed("this type of message is not supported")],
  [131021, failed("the account cannot write to itself")],
  [
    131026,
    failed(
      "not deliverable: no WhatsApp account, or one that does not take messages of businesses",
    ),
  ],
  [131030, failed("a test number may write only to the numbers on its list")],
  [131047, failed("the person last wrote more than 24 hours ago: only templates are allowed now")],
  [131049, failed("WhatsApp did not deliver it, to keep people from getting too many messages")],
  [131050, failed("the person does not want these messages")],
  [130472, failed("the person is in an experiment of Meta and gets no such messages")],
  [130497, failed("businesses may not write to people in this country")],
]);
