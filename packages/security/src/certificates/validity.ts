import { invalidCertificate } from "./identity.ts";

/** X.509 counts in seconds; a clock that was never set must not give certificates that nothing can read. */
export function checkedDates(fromMs: number, toMs: number): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Math.floor(fromMs / 1000) * 1000);
  const notAfter = new Date(Math.floor(toMs / 1000) * 1000);
  const isSound = notBefore < notAfter && notBefore.getUTCFullYear() >= 1950;
  if (isSound && notAfter.getUTCFullYear() < 10_000) return { notBefore, notAfter };
  throw invalidCertificate(
    "The certificate would end before it begins; check the machine's clock.",
  );
}

/** 128 random bits in hex; the first is never 0, so that all of them stand in the certificate. */
export function newSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return Buffer.from(bytes).toString("hex");
}
