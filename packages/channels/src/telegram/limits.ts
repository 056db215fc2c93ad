const KiB = 1024;
const MiB = 1024 * KiB;

/** The bounds of a Telegram account. Times in milliseconds, sizes in bytes unless named. */
export const telegramLimits = {
  /** One request, from the first try to connect until the answer's last byte. */
  requestTimeoutMs: 15_000,
  connectTimeoutMs: 10_000,
  /** Connections to the Bot API of one account on one node; more requests wait for one of them. */
  connections: 32,
  answerBytes: 1 * MiB,
  /** How long Telegram holds a question for updates open, and what its answer may weigh. */
  pollSeconds: 25,
  pollUpdates: 100,
  pollAnswerBytes: 32 * MiB,
  /** An empty answer that came faster than this says that the server does not hold questions open. */
  pollEmptyMinMs: 500,
  /** Pauses between tries to receive, doubled from the first to the last, half of it by chance. */
  retryMinMs: 500,
  retryMaxMs: 30_000,
  /** When Telegram says "too many requests" without saying for how long. */
  tooManyDefaultMs: 5_000,
  /** How often the registration of the webhook is looked at. */
  webhookCheckMs: 5 * 60_000,
  /** Telegram repeats a delivery after a minute at the latest: an older error is over. */
  deliveryErrorMs: 5 * 60_000,
  /** How long the bot's own name is taken as known; it changes when its operator renames it. */
  identityMaxAgeMs: 60 * 60_000,
  /** Groups that became supergroups, of which the new id is remembered. */
  movedChats: 1_000,
  /** Telegram gives bots no larger files. */
  fileBytes: 20 * MiB,
  fileTimeoutMs: 60_000,
  /** A sentence of Telegram in a reason or a report. */
  descriptionChars: 300,
  /** One piece, in UTF-16 units after the markup is taken out. */
  pieceChars: 4_096,
} as const;
