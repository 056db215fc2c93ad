const KiB = 1024;
const MiB = 1024 * KiB;

/** Bounds of this channel. Times in milliseconds. */
export const discordLimits = {
  /** A message that a bot sends. */
  textCodePoints: 2_000,

  /** One REST request, and its answer. */
  requestMs: 15_000,
  connectMs: 10_000,
  answerBytes: 4 * MiB,
  /** Refused requests can get the whole address banned: so long nothing is asked after such an answer. */
  refusedPauseMs: 60_000,
  serverErrorPauseMs: 1_000,
  /** Chats whose rate is known to be used up. */
  fullBuckets: 1_000,
  /** Discord remembers a nonce for "a few minutes"; a send that may have worked is repeated for less. */
  nonceMs: 120_000,
  /** Sends that may have worked and were not decided yet. */
  undecidedSends: 10_000,

  interactionAgeMs: 5 * 60_000,

  /** From the opened socket to the gateway's first word, and from there to READY or RESUMED. */
  helloMs: 15_000,
  readyMs: 30_000,
  /** Between two sessions that are begun anew. */
  identifyPauseMs: 5_000,
  /** Tries to resume at the address that the session names, before the general one is used. */
  ownAddressTries: 3,
  /** Failures in a row after which an operator is told. */
  quietFailures: 3,
  reconnectMinMs: 500,
  reconnectMaxMs: 60_000,
  /** What the gateway sent and is not durable yet; over it the socket is closed and resumed later. */
  waitingDispatches: 10_000,
  waitingChars: 64 * MiB,
  /** Messages that are made durable together. */
  batch: 100,
  /** What is still under way when the receiver ends gets this long. */
  endGraceMs: 400,

  cursorSaveMs: 1_000,
  /** Chats whose last message is remembered: the most recently active. */
  cursorChannels: 500,
  cursorChars: 32 * KiB,

  /** Channels whose place in the guild is known without asking. */
  knownChannels: 10_000,
  /** Messages that are fetched after a gap: per request, and requests per chat. */
  missedPage: 100,
  missedPages: 20,
  /** Overlap of what is fetched with what is known: ids are not quite in the order of arrival. */
  missedOverlapMs: 2_000,
  /** Members that are asked for while messages are fetched, per gap. */
  missedMembers: 500,
  readAttempts: 4,
} as const;
