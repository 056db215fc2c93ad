/** Bounds of pairing. Times in milliseconds. */
export const pairingLimits = {
  codeChars: 8,
  codeLifetimeMs: 3_600_000,
  /** People of one account who wait for approval; others are not answered meanwhile. */
  pendingPerAccount: 3,
  /** People approved for one account. */
  pairedPerAccount: 100_000,
  /** Wrong codes for one account and node, over which no more are looked at for a while. */
  wrongCodes: 20,
  wrongCodesWindowMs: 3_600_000,
  /** Accounts whose wrong codes are counted at once. */
  wrongCodeAccounts: 10_000,
  /** Tries to change a record while others change it, too. */
  writeAttempts: 8,
  /** Names are shown to operators, and cut. */
  nameChars: 200,
  senderIdChars: 1_000,
  listPage: 1_000,
} as const;
