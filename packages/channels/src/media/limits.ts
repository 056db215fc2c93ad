const MiB = 1024 * 1024;

/** The largest file that is taken from any platform. */
export const mediaMaxBytes = 20 * MiB;
/** A whole file, redirects included, must have arrived within this. */
export const mediaTimeoutMs = 60_000;
export const mediaConnectTimeoutMs = 10_000;
/** Longest silence before the answer begins, and inside it. */
export const mediaIdleTimeoutMs = 15_000;
export const mediaRedirects = 5;
export const mediaHeaderBytes = 16 * 1024;

/** What agents are given: pictures, sound, video, text and office documents. `image/*` stands for all of a kind. */
export const mediaTypes: readonly string[] = [
  "image/*",
  "audio/*",
  "video/*",
  "text/*",
  "application/pdf",
  "application/json",
  "application/rtf",
  "application/ogg",
  "application/msword",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  "application/vnd.openxmlformats-officedocument.*",
  "application/vnd.oasis.opendocument.*",
];
