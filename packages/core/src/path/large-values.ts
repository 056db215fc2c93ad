import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { BlobStore } from "../ports/blob-store.ts";

/**
 * A value for a key-value bucket: itself, or when it is large the key of the blob that holds it. The
 * first byte tells which.
 */
export async function packValue(
  blobs: BlobStore,
  blobKey: string,
  value: Uint8Array,
): Promise<Uint8Array> {
  const isLarge = value.byteLength > limits.inlinePayloadBytes;
  if (isLarge) await blobs.put(blobKey, value);
  const content = isLarge ? new TextEncoder().encode(blobKey) : value;
  const packed = new Uint8Array(content.byteLength + 1);
  packed[0] = isLarge ? 1 : 0;
  packed.set(content, 1);
  return packed;
}

/** The blob that a packed value refers to, if any. */
export function blobOf(packed: Uint8Array): string | undefined {
  return packed[0] === 1 ? new TextDecoder().decode(packed.subarray(1)) : undefined;
}

/** Errors: `data_corrupt` when the blob is missing. */
export async function unpackValue(blobs: BlobStore, packed: Uint8Array): Promise<Uint8Array> {
  const blob = blobOf(packed);
  if (blob === undefined) return packed.subarray(1);
  const value = await blobs.get(blob);
  if (!value) throw new HoldfastError("data_corrupt", `Blob ${blob} is missing.`);
  return value;
}
