/** One request to the daemon; a send waits for Signal's servers. */
export const requestTimeoutMs = 30_000;
export const answerBytes = 1024 * 1024;
/** One event of the stream. */
export const eventChars = 4 * 1024 * 1024;
export const connectTimeoutMs = 8_000;
/** The daemon writes a comment every 15 s; after this silence the stream is opened anew. */
export const silenceMs = 45_000;
export const reconnectMinMs = 500;
export const reconnectMaxMs = 30_000;
/** The same for events that did not become durable. */
export const acceptRetryMinMs = 200;
export const acceptRetryMaxMs = 5_000;
/** The place in the stream is kept this often at most; what is read again is known by its ids. */
export const cursorSaveMs = 1_000;
export const lastSaveMs = 400;
/** Events handed over together: fewer than are taken at once, as one read may hold many receipts. */
export const eventsPerAccept = 500;
/** The daemon's name of a file. */
export const attachmentIdChars = 256;
/** Timestamps of one receipt. */
export const receiptTimestamps = 1_000;

/** Waits where the daemon names none. */
export const rateRetryMs = 60_000;
export const networkRetryMs = 3_000;
