import { type FetchedMedia, HoldfastError, type MediaReference } from "@holdfast/core";
import { z } from "zod";
import { isAllowedType, mediaTypes } from "../media/index.ts";
import { type BotApi, resultOf } from "./bot-api.ts";
import { telegramLimits } from "./limits.ts";
import type { TelegramFile, TelegramMessage } from "./updates.ts";

/** The files of a message; `source` is Telegram's file id, which stays valid. */
export function mediaOf(message: TelegramMessage): readonly MediaReference[] {
  // A photo comes in several sizes, smallest first.
  const photo = message.photo?.at(-1);
  if (photo) return [referenceOf(photo, "image/jpeg")];
  if (message.sticker) {
    // The animated format is one that only Telegram's own programs read.
    if (message.sticker.is_animated) return [];
    return [referenceOf(message.sticker, message.sticker.is_video ? "video/webm" : "image/webp")];
  }
  const { voice, audio, video, video_note: note, animation, document } = message;
  if (voice) return [referenceOf(voice, "audio/ogg")];
  if (audio) return [referenceOf(audio, "audio/mpeg")];
  const film = video ?? note ?? animation;
  if (film) return [referenceOf(film, "video/mp4")];
  // An animation is told a second time as a document.
  return document ? [referenceOf(document, undefined)] : [];
}

const fileSchema = z.looseObject({
  file_path: z.string().optional(),
  file_size: z.number().optional().catch(undefined),
});

/**
 * Asks for the file's path, then for the file. Both come from the Bot API server that the account names, and
 * redirects are not followed, so no address that a sender chose is ever asked. Errors: `media_refused`,
 * `channel_unavailable`, `account_unauthorized`.
 */
export async function fetchFile(
  api: BotApi,
  media: MediaReference,
  signal: AbortSignal,
): Promise<FetchedMedia> {
  const mime = media.mime ?? "application/octet-stream";
  if (!isAllowedType(mime, mediaTypes)) {
    throw new HoldfastError("media_refused", `Files of the type ${mime} are not taken.`);
  }
  const called = await api.call("getFile", { file_id: media.source }, { signal });
  // A file that is too big, or an id of another bot.
  if (called.type === "refused" && called.code === 400) {
    throw new HoldfastError("media_refused", `Telegram: ${called.description}`);
  }
  const file = fileSchema.safeParse(resultOf(called)).data;
  if ((file?.file_size ?? 0) > telegramLimits.fileBytes) throw tooLarge();
  const path = safePath(file?.file_path);
  if (path === undefined) {
    throw new HoldfastError(
      "media_refused",
      "Telegram names no path under which the file is given.",
    );
  }
  const downloaded = await api.download(path, signal);
  if (downloaded.type === "too-large") throw tooLarge();
  if (downloaded.type === "unavailable") {
    throw new HoldfastError("channel_unavailable", `Telegram's file: ${downloaded.reason}`);
  }
  return { mime, data: downloaded.data };
}

function tooLarge(): HoldfastError {
  return new HoldfastError(
    "media_refused",
    `The file is larger than the ${telegramLimits.fileBytes} bytes that Telegram gives to bots.`,
  );
}

/** As the path of a URL. A server in local mode names files of its own disk, which are not asked for. */
function safePath(path: string | undefined): string | undefined {
  if (path === undefined || path.length > 1_024) return undefined;
  const steps = path.split("/");
  // An absolute path begins with an empty step.
  if (steps.some((step) => step === "" || step === "." || step === "..")) return undefined;
  return steps.map(encodeURIComponent).join("/");
}

function referenceOf(file: TelegramFile, mimeDefault: string | undefined): MediaReference {
  const mime = file.mime_type?.toLowerCase() ?? mimeDefault;
  return {
    kind: kindOf(mime),
    source: file.file_id,
    ...(file.file_name === undefined ? {} : { name: file.file_name.toWellFormed() }),
    ...(mime === undefined ? {} : { mime }),
    ...(file.file_size === undefined ? {} : { bytes: file.file_size }),
  };
}

function kindOf(mime: string | undefined): MediaReference["kind"] {
  const type = mime?.split("/")[0];
  return type === "image" || type === "audio" || type === "video" ? type : "file";
}
