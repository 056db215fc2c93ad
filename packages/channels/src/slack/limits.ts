const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound of the Slack channel. Times in milliseconds, sizes in bytes unless named. */
export const slackLimits = {
  /** One request to the Web API, from its beginning to the last byte of the answer. */
  requestTimeoutMs: 15_000,
  connectTimeoutMs: 5_000,
  answerBytes: 4 * MiB,
  connectionsPerAccount: 16,
  idleConnectionMs: 4_000,
  /** Wait after a 429 that names no wait itself, and the longest that is believed. */
  rateLimitDefaultMs: 5_000,
  rateLimitMaxMs: 15 * 60_000,

  /** Slack's own limit for the age of a request; it goes both ways, as clocks differ. */
  webhookAgeMs: 5 * 60_000,
  challengeChars: 1_024,
  /** Slack wants an answer within 3 s, so these may take only a part of it. */
  identityTimeoutMs: 1_500,
  nameTimeoutMs: 500,
  /** Names of users kept in memory, the least recently added dropped first. */
  namesKept: 5_000,
  nameAgeMs: 3_600_000,
  /** How long a name that was not to be had is not asked for again. */
  nameRetryMs: 5 * 60_000,
  /** Mentions of one message whose names are looked up. */
  namesPerMessage: 8,
  filesPerMessage: 20,
  /** Slack's own limit. */
  attachmentsPerMessage: 100,
  actionsPerRequest: 10,

  /** When an unknown send is looked for, counted from the loss of its answer, and how long altogether. */
  lookAfterMs: [500, 1_500, 3_000],
  lookTotalMs: 12_000,
  /** How far Slack's clock may lie behind ours. */
  lookClockSkewMs: 5 * 60_000,
  lookPageMessages: 100,
  lookPages: 3,

  /** From the address to Slack's `hello`. */
  helloTimeoutMs: 10_000,
  /** A socket without any sign of life for `silenceMs` is given up; it is pinged every `pingMs`. */
  pingMs: 5_000,
  silenceMs: 15_000,
  socketMessageBytes: 1 * MiB,
  /** Envelopes that wait to be made durable; what comes beyond them is left to Slack's redelivery. */
  envelopesWaiting: 1_000,
  envelopesPerBatch: 64,
  acceptRetryMinMs: 100,
  acceptRetryMaxMs: 5_000,
  reconnectMinMs: 500,
  reconnectMaxMs: 30_000,
  /** A connection that held for so long counts as a good one: the next pause is short again. */
  connectionGoodMs: 10_000,
  /** How long a connection that was replaced still waits for the acknowledgements that it owes. */
  retireMs: 3_000,
  /** The same when everything ends. */
  stopMs: 500,
} as const;
