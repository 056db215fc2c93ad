import { createPublicKey, hash, verify } from "node:crypto";
import type { ConnectParams } from "./connect-params.ts";

export type DeviceFault =
  | "DEVICE_AUTH_NONCE_MISMATCH"
  | "DEVICE_AUTH_PUBLIC_KEY_INVALID"
  | "DEVICE_AUTH_DEVICE_ID_MISMATCH"
  | "DEVICE_AUTH_SIGNATURE_EXPIRED"
  | "DEVICE_AUTH_SIGNATURE_INVALID";

/** How far the signed time may lie from the challenge's. */
const skewMs = 10 * 60_000;
/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");

/**
 * What is wrong with the proof of a device's key. The token alone decides who may connect; but a proof that
 * is given and false is refused, as somebody tampered with it.
 */
export function deviceFault(
  params: ConnectParams,
  challenge: { readonly nonce: string; readonly ts: number },
): DeviceFault | undefined {
  const { device } = params;
  if (!device) return undefined;
  if (device.nonce !== challenge.nonce) return "DEVICE_AUTH_NONCE_MISMATCH";
  const raw = rawKey(device.publicKey);
  if (!raw) return "DEVICE_AUTH_PUBLIC_KEY_INVALID";
  if (device.id !== hash("sha256", raw, "hex")) return "DEVICE_AUTH_DEVICE_ID_MISMATCH";
  if (Math.abs(device.signedAt - challenge.ts) > skewMs) return "DEVICE_AUTH_SIGNATURE_EXPIRED";
  const key = createPublicKey({
    key: Buffer.concat([ed25519Prefix, raw]),
    format: "der",
    type: "spki",
  });
  const signature = Buffer.from(device.signature, "base64url");
  const isSigned = signedTexts(params).some((text) =>
    verify(null, Buffer.from(text), key, signature),
  );
  return isSigned ? undefined : "DEVICE_AUTH_SIGNATURE_INVALID";
}

/** The two forms that clients sign: the newer one covers what the device is, too. */
function signedTexts({ device, client, role, scopes, auth }: ConnectParams): string[] {
  const token = auth?.token ?? auth?.deviceToken ?? auth?.bootstrapToken ?? "";
  const { id, signedAt, nonce } = device ?? { id: "", signedAt: 0, nonce: "" };
  const about = [id, client.id, client.mode, role, scopes.join(","), signedAt, token, nonce];
  const kind = [client.platform, client.deviceFamily ?? ""].map(asSigned);
  return [["v3", ...about, ...kind].join("|"), ["v2", ...about].join("|")];
}

function asSigned(text: string): string {
  return text.trim().replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The key's 32 bytes, given as base64 of them or as PEM. */
function rawKey(text: string): Buffer | undefined {
  if (text.includes("BEGIN")) {
    try {
      return createPublicKey(text).export({ format: "der", type: "spki" }).subarray(-32);
    } catch {
      return undefined;
    }
  }
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === 32 ? bytes : undefined;
}
