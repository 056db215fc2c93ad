import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Characters of [0-9a-z]: over 128 bits. */
export const visitorTokenChars = 26;
const tokenPattern = new RegExp(`^[0-9a-z]{${visitorTokenChars}}$`);
const idBits = 128;
const hexBits = 4;

interface AccountName {
  readonly organization: string;
  readonly name: string;
}

/** What a page's server signs for somebody whom it knows. */
export interface SignedVisitor {
  /** The page's own id of the person. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** HMAC-SHA256 of `signedText`, hexadecimal. */
  readonly signature: string;
}

/** True for the shape of tokens; whether anybody was given it is not known, and need not be. */
export function isVisitorToken(text: string): boolean {
  return tokenPattern.test(text);
}

/**
 * The id that the rest of the system knows a visitor by. Only the token's hash goes there, so that whoever
 * reads a conversation's id cannot become its visitor; one token is somebody else in each account.
 */
export function visitorIdOf({ organization, name }: AccountName, token: string): string {
  const hash = createHash("sha256").update(`${organization}/${name}/${token}`).digest("hex");
  return `v${hash.slice(0, idBits / hexBits)}`;
}

/** The account first and the id last, so that no two visitors have the same text. */
export function signedText(
  { organization, name }: AccountName,
  { id, expires }: Pick<SignedVisitor, "id" | "expires">,
): string {
  return `${organization}/${name}.${expires}.${id}`;
}

export function isSigned(
  account: AccountName,
  visitor: SignedVisitor,
  secret: string,
  now: number,
): boolean {
  if (visitor.expires <= now) return false;
  const wanted = createHmac("sha256", secret).update(signedText(account, visitor)).digest();
  const given = Buffer.from(visitor.signature, "hex");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
