import { type AccountOptions, HoldfastError } from "@holdfast/core";
import { type FetchMessageObject, ImapFlow, type ImapFlowError } from "imapflow";
import { emailLimits } from "./limits.ts";
import type { EmailSettings } from "./settings.ts";
import { tlsOptions } from "./tls.ts";

/**
 * A connection to the mail server with the account's mailbox open. It ends when the signal aborts. Errors:
 * `account_unauthorized`, `channel_unavailable`.
 */
export async function openMailbox(
  { settings, secret }: AccountOptions<EmailSettings>,
  signal: AbortSignal,
): Promise<ImapFlow> {
  const { imap } = settings;
  const client = new ImapFlow({
    host: imap.host,
    port: imap.port ?? (imap.security === "tls" ? 993 : 143),
    secure: imap.security === "tls",
    doSTARTTLS: imap.security === "starttls",
    auth: { user: imap.user, pass: secret(imap.password) },
    tls: await tlsOptions(settings),
    clientInfo: { name: "Holdfast" },
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    connectionTimeout: emailLimits.connectTimeoutMs,
    greetingTimeout: emailLimits.connectTimeoutMs,
    socketTimeout: emailLimits.imapSilenceMs,
    // Wider than what is asked for: some servers tell a mail's size only roughly.
    maxLiteralSize: 2 * emailLimits.mailBytes,
    maxResponseSize: 3 * emailLimits.mailBytes,
    maxLineLength: emailLimits.mailBytes,
  });
  // A failure of the connection also fails the command in flight, or closes the client.
  client.on("error", () => {});
  const abort = () => client.close();
  signal.addEventListener("abort", abort, { once: true });
  client.once("close", () => signal.removeEventListener("abort", abort));
  let step: "connect" | "select" = "connect";
  try {
    if (signal.aborted) throw new HoldfastError("channel_unavailable", "It was stopped.");
    await client.connect();
    step = "select";
    await client.mailboxOpen(imap.mailbox, { readOnly: false });
    return client;
  } catch (error) {
    client.close();
    throw asMailboxError(error, step, imap.mailbox);
  }
}

/** What failed, without the server's or the client's own words about the session: they may quote it. */
export function asMailboxError(
  thrown: unknown,
  step: "connect" | "select" | "read",
  mailbox: string,
): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const error = thrown as ImapFlowError;
  if (error.authenticationFailed === true) {
    return isPasswordRefused(error)
      ? new HoldfastError(
          "account_unauthorized",
          "The mail server refuses the account's user or password (IMAP).",
        )
      : unavailable(
          `The mail server does not let the account in now (IMAP, ${error.serverResponseCode ?? "no code"}).`,
        );
  }
  const code = error.code ?? error.serverResponseCode ?? "no code";
  if (isTlsFailure(error)) {
    return unavailable(`The mail server's TLS or certificate is refused (IMAP, ${code}).`);
  }
  if (step === "connect") {
    return unavailable(`The mail server cannot be reached or gives no login (IMAP, ${code}).`);
  }
  return step === "select"
    ? unavailable(`The mailbox ${mailbox} cannot be opened (IMAP, ${code}).`)
    : unavailable(`The mailbox cannot be read (IMAP, ${code}).`);
}

/** The source of a mail, or its beginning. Undefined when it is gone. */
export async function fetchSource(
  client: ImapFlow,
  uid: number,
): Promise<
  { readonly mail: FetchMessageObject; source: Uint8Array; isWhole: boolean } | undefined
> {
  const about = await client.fetchOne(
    String(uid),
    { uid: true, size: true, internalDate: true },
    { uid: true },
  );
  if (about === false || about.uid !== uid) return undefined;
  const isWhole = (about.size ?? 0) <= emailLimits.mailBytes;
  const mail = await client.fetchOne(
    String(uid),
    { uid: true, source: isWhole ? true : { start: 0, maxLength: emailLimits.largeMailHeadBytes } },
    { uid: true },
  );
  if (mail === false || mail.source === undefined) return undefined;
  return { mail: about, source: mail.source, isWhole };
}

/**
 * A refused login may also mean that too many are logged in, or that the users' database is away: servers
 * tell it by a code (RFC 5530). Gmail says all of that behind ALERT, in words alone.
 */
function isPasswordRefused({ serverResponseCode: code, responseText }: ImapFlowError): boolean {
  if (code === undefined || code === "ALERT") {
    return !/too many|connections|bandwidth|limit|temporar|try again/i.test(responseText ?? "");
  }
  return /^(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|PRIVACYREQUIRED)$/.test(code);
}

function isTlsFailure(error: ImapFlowError): boolean {
  return (
    error.tlsFailed === true ||
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|STARTTLS|ClosedAfterConnectTLS|UPGRADE_TIMEOUT|EPROTO)/.test(
      error.code ?? "",
    )
  );
}

function unavailable(message: string): HoldfastError {
  return new HoldfastError("channel_unavailable", message);
}
