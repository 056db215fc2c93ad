import { z } from "zod";
import { HoldfastError } from "../../errors.ts";
import { pairingLimits } from "./access-limits.ts";

/** Who was approved, and who waits for it. */
export const channelAccessBucket = "channel-access";

const nameText = z.string().max(pairingLimits.nameChars);
const senderFields = {
  /** The platform's id. */
  id: z.string().max(pairingLimits.senderIdChars),
  /** As the person wrote them: anything may stand in them. */
  name: nameText.optional(),
  username: nameText.optional(),
};

const pendingSchema = z.object({
  ...senderFields,
  channel: z.string(),
  code: z.string(),
  /** The event that asked: the code is told again when it is handled again. */
  eventId: z.string(),
  requestedAt: z.number(),
});
export type PendingPairing = z.infer<typeof pendingSchema>;

const pairedSchema = z.object({ ...senderFields, channel: z.string(), approvedAt: z.number() });
export type PairedSender = z.infer<typeof pairedSchema>;

const pendingRecord = z.object({ v: z.literal(1), pending: z.array(pendingSchema) });
const pairedRecord = z.object({ v: z.literal(1), paired: pairedSchema });

/** Beside names of 63 characters each, in a key of at most 1,000. */
const keyPartCharsMax = 800;

export interface AccountName {
  readonly organization: string;
  readonly name: string;
}

export const accountKey = ({ organization, name }: AccountName) => `${organization}.${name}`;

/** One record for all who wait, so that no two nodes let in more than may wait. */
export const pendingKey = (account: AccountName) => `pending.${accountKey(account)}`;

/** Of one person; `digest` stands for ids that are too long for a key. */
export function pairedKey(
  account: AccountName,
  id: string,
  digest: (text: string) => string,
): string {
  const part = keyPart(id);
  const fitting = part.length <= keyPartCharsMax ? part : `==${digest(part)}`;
  return `paired.${accountKey(account)}.${fitting}`;
}

/** The kind of record and the account that a key is of. */
export interface AccessAddress {
  readonly kind: "pending" | "paired";
  readonly account: string;
}

export function parseAccessKey(key: string): AccessAddress | undefined {
  const [kind, organization, name] = key.split(".");
  if ((kind !== "pending" && kind !== "paired") || name === undefined) return undefined;
  return { kind, account: `${organization}.${name}` };
}

export function packPending(pending: readonly PendingPairing[]): Uint8Array {
  return toBytes({ v: 1, pending });
}

export function packPaired(paired: PairedSender): Uint8Array {
  return toBytes({ v: 1, paired });
}

/** Errors: `data_corrupt`. */
export function unpackPending(key: string, value: Uint8Array): readonly PendingPairing[] {
  return parsed(key, value, pendingRecord).pending;
}

/** Errors: `data_corrupt`. */
export function unpackPaired(key: string, value: Uint8Array): PairedSender {
  return parsed(key, value, pairedRecord).paired;
}

function toBytes(record: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

function parsed<T>(key: string, value: Uint8Array, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(value)));
  } catch (cause) {
    throw new HoldfastError("data_corrupt", `${channelAccessBucket}/${key} cannot be read.`, {
      cause,
    });
  }
}

/** Reversible: what may not stand in a key becomes `=` and two hexadecimal digits, or `=u` and four. */
function keyPart(id: string): string {
  if (id === "") return "=";
  return id.replace(/[^A-Za-z0-9_-]/g, (character) => {
    let text = "";
    for (let i = 0; i < character.length; i += 1) {
      const hex = character.charCodeAt(i).toString(16);
      text += hex.length <= 2 ? `=${hex.padStart(2, "0")}` : `=u${hex.padStart(4, "0")}`;
    }
    return text;
  });
}
