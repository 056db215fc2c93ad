import type { AccountCheck, ChannelAccount } from "../ports/channel.ts";
import { secretRef, type SecretRef } from "../resources.ts";

/** Errors: `account_unauthorized`. */
type ReadSecret = (ref: SecretRef) => string;

/** All secrets that an account's settings name, wherever they stand in them. */
export function secretRefs(settings: unknown): readonly SecretRef[] {
  const ref = secretRef.safeParse(settings);
  if (ref.success) return [ref.data];
  if (typeof settings !== "object" || settings === null) return [];
  return Object.values(settings).flatMap(secretRefs);
}

/**
 * Keeps the secrets out of what checks find: part of that is told by the platform, and a server in its
 * place may tell what was sent to it.
 */
export function maskChecks(
  use: ChannelAccount,
  refs: readonly SecretRef[],
  secret: ReadSecret,
): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with `use` again
  const { check } = use;
  use.check = async (signal) => masked(await check.call(use, signal), readable(refs, secret));
}

function masked(
  { identity, findings, ...check }: AccountCheck,
  secrets: readonly string[],
): AccountCheck {
  const clean = (text: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, "(secret)"), text);
  return {
    ...check,
    ...(identity !== undefined && { identity: clean(identity) }),
    findings: findings.map(clean),
  };
}

/** The longest first, as one may be part of another. */
function readable(refs: readonly SecretRef[], secret: ReadSecret): readonly string[] {
  const values = refs.map((ref) => {
    try {
      return secret(ref);
    } catch {
      return "";
    }
  });
  return values.filter((value) => value !== "").toSorted((one, other) => other.length - one.length);
}
