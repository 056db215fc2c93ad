import {
  type AccountOptions,
  type FetchedMedia,
  HoldfastError,
  type MediaReference,
} from "@holdfast/core";
import { z } from "zod";
import { isAllowedType, mediaMaxBytes, mediaTypes, plainType } from "../media/index.ts";
import { attachmentIdSchema } from "./envelope.ts";
import { sendOutcome } from "./outcome.ts";
import type { Rpc } from "./rpc.ts";
import type { SignalSettings } from "./settings.ts";

/** Base64 of the largest file, and the JSON around it. */
export const attachmentAnswerBytes = Math.ceil(mediaMaxBytes / 3) * 4 + 64 * 1024;

const attachmentSchema = z.union([z.string(), z.object({ data: z.string() })]);

/** The daemon has downloaded and decrypted it; the sender says what type it is. */
export async function fetchAttachment(
  rpc: Rpc,
  options: AccountOptions<SignalSettings>,
  media: MediaReference,
  signal: AbortSignal,
): Promise<FetchedMedia> {
  const [, kind, chat, name] = /^(direct|group):([^:]+):(.+)$/s.exec(media.source) ?? [];
  const { data: id } = attachmentIdSchema.safeParse(name);
  if (chat === undefined || id === undefined) throw refused("The file's id is not one of Signal.");
  const mime = plainType(media.mime) ?? "application/octet-stream";
  if (!isAllowedType(mime, mediaTypes)) throw refused(`Files of the type ${mime} are not taken.`);
  if ((media.bytes ?? 0) > mediaMaxBytes) throw tooLarge();
  const params = {
    account: options.settings.account,
    id,
    ...(kind === "group" ? { groupId: chat } : { recipient: chat }),
  };
  const answer = await rpc.call("getAttachment", params, signal);
  if (answer.type === "unknown" && answer.isTooLong === true) throw tooLarge();
  if (answer.type !== "result") {
    const outcome = sendOutcome(answer);
    const reason = "reason" in outcome ? outcome.reason : "";
    if (answer.type === "error") throw refused(`The daemon does not give the file. ${reason}`);
    throw new HoldfastError("channel_unavailable", `The daemon does not give the file. ${reason}`);
  }
  const file = attachmentSchema.safeParse(answer.result);
  if (!file.success) throw refused("The daemon's answer holds no file.");
  const data = new Uint8Array(
    Buffer.from(typeof file.data === "string" ? file.data : file.data.data, "base64"),
  );
  if (data.byteLength > mediaMaxBytes) throw tooLarge();
  return { mime, data };
}

function refused(message: string): HoldfastError {
  return new HoldfastError("media_refused", message);
}

function tooLarge(): HoldfastError {
  return refused(`The file is larger than ${mediaMaxBytes} bytes.`);
}
