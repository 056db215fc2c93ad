import type { Random } from "../../ports/random.ts";
import { pairingLimits } from "./access-limits.ts";

/** 32 characters that nobody mistakes for one another: no 0, O, 1, I. */
const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const randomAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Every code is as likely as every other: what does not fit the smaller alphabet is left out. */
export function newPairingCode(random: Random): string {
  let code = "";
  while (code.length < pairingLimits.codeChars) {
    for (const character of random.token(2 * pairingLimits.codeChars)) {
      code += alphabet[randomAlphabet.indexOf(character)] ?? "";
    }
  }
  return code.slice(0, pairingLimits.codeChars);
}

/** As people type it: in small letters, in groups. */
export function typedPairingCode(text: string): string {
  return text
    .slice(0, 100)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "");
}
