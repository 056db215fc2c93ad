import { type FetchedMedia, HoldfastError, type MediaReference } from "@holdfast/core";
import { z } from "zod";
import { isPrivateBase, mediaMaxBytes, mediaTypes, safeFetch } from "../media/index.ts";
import type { SlackApi } from "./api.ts";

export interface MediaDependencies {
  readonly api: SlackApi;
  readonly apiUrl: string;
  readonly token: () => string;
}

const fileInfo = z.object({
  file: z.object({
    url_private: z.string().optional(),
    url_private_download: z.string().optional(),
  }),
});

/** Files of Slack are given to the bot's token alone, which goes to Slack's own servers alone. */
export async function fetchFile(
  media: MediaReference,
  dependencies: MediaDependencies,
  signal: AbortSignal,
): Promise<FetchedMedia> {
  const { apiUrl, token } = dependencies;
  if (media.bytes !== undefined && media.bytes > mediaMaxBytes) {
    throw refused(`The file is larger than ${mediaMaxBytes} bytes.`);
  }
  const url = await addressOf(media.source, dependencies, signal);
  if (!isSlackFile(url, apiUrl)) throw refused("The file does not stand on Slack's servers.");
  const file = await safeFetch(url, {
    headers: { authorization: `Bearer ${token()}` },
    maxBytes: mediaMaxBytes,
    allowedTypes: mediaTypes,
    ...(media.mime === undefined ? {} : { toldType: media.mime }),
    signal,
    allowPrivate: isPrivateBase(apiUrl),
  });
  // Slack sends those whom it does not let in to a page for people.
  if (file.mime === "text/html" && media.mime !== "text/html") {
    throw refused("Slack gives a page instead of the file: the scope files:read may be missing.");
  }
  return file;
}

async function addressOf(
  source: string,
  { api, token }: MediaDependencies,
  signal: AbortSignal,
): Promise<string> {
  if (!/^F[A-Z0-9]+$/.test(source)) return source;
  const answer = await api.call({
    token: token(),
    method: "files.info",
    args: { file: source },
    signal,
  });
  if (answer.kind === "refused") throw refused(`Slack does not tell the file: ${answer.error}.`);
  const info = fileInfo.safeParse(answer.kind === "ok" ? answer.body : undefined);
  const url = info.data?.file.url_private_download ?? info.data?.file.url_private;
  if (url !== undefined) return url;
  throw new HoldfastError("channel_unavailable", "Slack does not tell where the file stands.");
}

function isSlackFile(url: string, apiUrl: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, origin } = new URL(url);
  if (origin === new URL(apiUrl).origin) return true;
  return protocol === "https:" && (hostname === "slack.com" || hostname.endsWith(".slack.com"));
}

function refused(message: string): HoldfastError {
  return new HoldfastError("media_refused", message);
}
