import { type FetchedMedia, HoldfastError, type MediaReference } from "@holdfast/core";
import { z } from "zod";
import { isPrivateBase, mediaMaxBytes, mediaTypes, safeFetch } from "../media/index.ts";
import type { Graph } from "./graph.ts";
import { refusalOf } from "./outcome.ts";
import type { WhatsAppSettings } from "./settings.ts";

const mediaSchema = z.object({
  url: z.string(),
  mime_type: z.string().optional(),
  file_size: z.coerce.number().optional(),
});

/** The id is exchanged for an address that lives for five minutes and wants the token, too. */
export async function fetchFile(
  graph: Graph,
  settings: WhatsAppSettings,
  media: MediaReference,
  signal: AbortSignal,
): Promise<FetchedMedia> {
  if (!/^\w{1,64}$/.test(media.source)) {
    throw new HoldfastError("media_refused", "The file's id is not one of WhatsApp.");
  }
  const query = { phone_number_id: settings.phoneNumberId };
  const answer = await graph.get(media.source, query, signal);
  if (answer.type !== "answered") throw new HoldfastError("channel_unavailable", answer.reason);
  const refusal = refusalOf(answer);
  if (refusal !== undefined) {
    const code = refusal.outcome === "failed" ? "media_refused" : "channel_unavailable";
    throw new HoldfastError(code, refusal.reason);
  }
  const file = mediaSchema.safeParse(answer.json);
  if (!file.success) throw new HoldfastError("channel_unavailable", "WhatsApp names no address.");
  if ((file.data.file_size ?? 0) > mediaMaxBytes) {
    throw new HoldfastError("media_refused", `The file is larger than ${mediaMaxBytes} bytes.`);
  }
  return await safeFetch(file.data.url, {
    headers: { authorization: `Bearer ${graph.token()}` },
    maxBytes: mediaMaxBytes,
    allowedTypes: mediaTypes,
    ...(file.data.mime_type === undefined ? {} : { toldType: file.data.mime_type }),
    signal,
    allowPrivate: isPrivateBase(settings.apiUrl),
  });
}
