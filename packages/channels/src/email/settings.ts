import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { isMailAddress } from "./addresses.ts";

const host = z
  .string()
  .max(253)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/, {
    error: "expected a host name or an IP address",
  });

const port = z.int().min(1).max(65_535);

/**
 * `tls`: encrypted from the first byte. `starttls`: the connection becomes encrypted before anything is
 * said on it, or fails. `plain`: not encrypted, for servers on the same machine.
 */
const security = z.enum(["tls", "starttls", "plain"]).default("tls");

const user = z.string().min(1).max(320);

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

function encryptedUnlessLocal(server: { host: string; security: string }): boolean {
  return server.security !== "plain" || loopback.test(server.host);
}

const plainFault = {
  error: "plain is for servers on the same machine: use tls or starttls",
  path: ["security"],
};

const imap = z
  .strictObject({
    host,
    /** 993 with tls, else 143. */
    port: port.optional(),
    security,
    user,
    password: secretRef,
    /** The folder that is read. */
    mailbox: z.string().min(1).max(200).default("INBOX"),
    /** Marks what was handed to the agent as read. */
    markSeen: z.boolean().default(true),
  })
  .refine(encryptedUnlessLocal, plainFault);

const smtp = z
  .strictObject({
    host,
    /** 465 with tls, 587 with starttls, else 25. */
    port: port.optional(),
    security,
    /** Absent where the server takes mails of this machine without. */
    user: user.optional(),
    password: secretRef.optional(),
  })
  .refine(encryptedUnlessLocal, plainFault)
  .refine((server) => (server.user === undefined) === (server.password === undefined), {
    error: "user and password belong together",
    path: ["password"],
  });

export const emailSettings = z.strictObject({
  /** The mail address that people write to and that answers come from. */
  address: z
    .string()
    .max(254)
    .refine(isMailAddress, { error: "expected a mail address" })
    .transform((address) => address.toLowerCase()),
  /** The name beside the address. */
  displayName: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\u2028\u2029]+$/u, { error: "expected one line without control characters" })
    .optional(),
  imap,
  smtp,
  tls: z
    .strictObject({
      /** A PEM file of the authorities that both servers' certificates may be of, instead of the public ones. */
      caFile: z.string().min(1),
    })
    .optional(),
  /**
   * The name under which the receiving mail server writes Authentication-Results. When set, mails of
   * which it does not say that the sender is genuine are left out; else anybody may write in any name.
   */
  authenticatedBy: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, { error: "expected the name of a mail server" })
    .optional(),
  /** Answers to one sender in one thread in any hour; more wait. It ends loops that no header shows. */
  answersPerHour: z.int().min(1).max(100_000).default(30),
});

export type EmailSettings = z.infer<typeof emailSettings>;
