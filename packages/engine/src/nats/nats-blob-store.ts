import { hash } from "node:crypto";
import { type BlobStore, HoldfastError, limits } from "@holdfast/core";
import type { NatsClient } from "./nats-client.ts";
import { blobStream, blobSubject } from "./streams.ts";

const chunkBytes = 512 * 1024;
const chunksInFlight = 4;
/** nats-server cuts a connection that sends a subject of more than 4 KiB. */
const wordChars = 2_000;

/**
 * Blobs as chunks in one stream. The manifest is written last: a blob that was cut off in the middle is
 * not there, and writing it again completes it.
 */
export class NatsBlobStore implements BlobStore {
  readonly #client: NatsClient;

  constructor(client: NatsClient) {
    this.#client = client;
  }

  async put(key: string, data: Uint8Array): Promise<void> {
    if (data.byteLength > limits.blobBytes) {
      throw new HoldfastError(
        "payload_too_large",
        `A blob of ${data.byteLength} bytes is over the limit of ${limits.blobBytes}.`,
      );
    }
    const blob = token(key);
    const count = Math.ceil(data.byteLength / chunkBytes);
    await inParallel(count, (number) => {
      const chunk = data.subarray(number * chunkBytes, (number + 1) * chunkBytes);
      return this.#client.store(blobSubject(blob, String(number)), chunk);
    });
    const manifest = new TextEncoder().encode(JSON.stringify({ bytes: data.byteLength }));
    await this.#client.store(blobSubject(blob, "manifest"), manifest);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const blob = token(key);
    const manifest = await this.#last(blobSubject(blob, "manifest"));
    if (!manifest) return undefined;
    const { bytes } = JSON.parse(new TextDecoder().decode(manifest)) as { bytes: number };
    const data = new Uint8Array(bytes);
    await inParallel(Math.ceil(bytes / chunkBytes), async (number) => {
      const chunk = await this.#last(blobSubject(blob, String(number)));
      if (!chunk) throw new HoldfastError("data_corrupt", `Blob ${key} has no part ${number}.`);
      data.set(chunk, number * chunkBytes);
    });
    return data;
  }

  async delete(key: string): Promise<void> {
    const blob = token(key);
    await this.#client.purge(blobStream, { filter: blobSubject(blob, "manifest") });
    await this.#client.purge(blobStream, { filter: blobSubject(blob, "*") });
  }

  async #last(subject: string): Promise<Uint8Array | undefined> {
    return (await this.#client.last(blobStream, subject))?.data;
  }
}

/** A key as one word of a subject. */
function token(key: string): string {
  if (key.length === 0 || key.length > 1_000) {
    throw new HoldfastError("invalid_request", "A blob's key has 1 to 1,000 characters.");
  }
  const word = key.replace(
    /[^A-Za-z0-9_-]/g,
    (char) => `=${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return word.length <= wordChars ? word : `=h${hash("sha256", key, "hex")}`;
}

async function inParallel(count: number, run: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await run(number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, chunksInFlight) }, worker));
}
