/** One request to the Graph API, its answer included. */
export const requestTimeoutMs = 15_000;
export const answerBytes = 256 * 1024;
/** Chats whose newest message is remembered, so that typing can be shown as an answer to it. */
export const rememberedChats = 10_000;
/** Of what Meta sends as `hub.challenge`. */
export const challengeChars = 128;
/** Lines of one shared contact or location. */
export const contactLines = 20;

/** Waits where Meta names none. */
export const pairRetryMs = 6_000;
export const throughputRetryMs = 1_000;
export const callsRetryMs = 60_000;
export const spamRetryMs = 15 * 60_000;
export const temporaryRetryMs = 2_000;
