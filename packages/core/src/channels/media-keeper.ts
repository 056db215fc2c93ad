import { type HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { ChannelAccount, FetchedMedia, MediaReference } from "../ports/channel.ts";

export interface MediaKeeperOptions {
  readonly blobs: BlobStore;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** Fetches the files that come with messages and keeps them as blobs. */
export class MediaKeeper {
  readonly #options: MediaKeeperOptions;

  constructor(options: MediaKeeperOptions) {
    this.#options = options;
  }

  /**
   * What the agent reads of the files: the text of a text file, the name under which another one is kept, or
   * why there is none. Fetching them again is no harm: the same file gets the same name.
   */
  async describe(
    account: Pick<ChannelAccount, "fetchMedia"> | undefined,
    message: { readonly organization: string; readonly id: string },
    media: readonly MediaReference[],
  ): Promise<string> {
    const lines = await Promise.all(
      media.map((each, number) => this.#describeOne(account, message, each, number)),
    );
    return lines.join("\n");
  }

  async #describeOne(
    account: Pick<ChannelAccount, "fetchMedia"> | undefined,
    { organization, id }: { readonly organization: string; readonly id: string },
    media: MediaReference,
    number: number,
  ): Promise<string> {
    const which = `File ${number + 1}`;
    if (!account?.fetchMedia) return `[${which} cannot be fetched from this channel.]`;
    const blob = `media.${organization}.${id}.${number}`;
    try {
      const signal = AbortSignal.timeout(limits.mediaFetchMs);
      const fetched = await account.fetchMedia(media, signal);
      const text = textOf(fetched);
      if (text !== undefined) return `[${which} holds this text:]\n${text}`;
      await this.#options.blobs.put(blob, fetched.data);
      return `[${which} (${fetched.mime}, ${fetched.data.byteLength} bytes) is kept as ${blob}.]`;
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      this.#options.report(error, `media of ${id}`);
      return `[${which} could not be fetched: ${error.code}.]`;
    }
  }
}

/** A short text file is read to the agent as it is. */
function textOf({ mime, data }: FetchedMedia): string | undefined {
  const isText = mime.startsWith("text/") || mime === "application/json";
  if (!isText || data.byteLength > limits.mediaTextBytes) return undefined;
  return new TextDecoder().decode(data).replaceAll("\0", "");
}
