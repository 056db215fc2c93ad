const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound of the channel in one place. */
export const emailLimits = {
  /** Of a mail's source; of a larger one only the beginning is read, and its attachments are not. */
  mailBytes: 32 * MiB,
  /** Of a larger mail the first bytes that are read. */
  largeMailHeadBytes: 1 * MiB,
  /** Of one mail's text; the rest is cut, and the text says so. */
  textChars: 200_000,
  /** Of all texts of a mail, and of a calendar, before they are decoded; what is beyond them is not looked at. */
  textBytes: 4_000_000,
  /** HTML beyond this is not looked at. */
  htmlChars: 4_000_000,
  headerBytes: 256 * KiB,
  /** Of what the server says about the sender; a longer one proves nothing. */
  authenticationResultsChars: 32 * KiB,
  /** How deep parts may be nested, how deep mails in mails, and how many parts there may be. */
  nestingDepth: 20,
  mailsInMails: 3,
  parts: 500,
  /**
   * Of a mail and the mails in it: for each line that is not encoded the parser takes 2 to 3 KiB and 8 µs. Lines of
   * base64 that are as long as usual do not count.
   */
  lines: 150_000,
  base64LineChars: 60,
  /** For reading one mail in its thread, whose memory for objects is bounded, too. */
  readingMs: 20_000,
  readingHeapMiB: 512,
  readerStartMs: 30_000,
  /** The thread ends after so long without a mail. */
  readerIdleMs: 30_000,
  mediaPerMail: 20,
  mediaBytes: 20 * MiB,
  /** Pictures in the text that are smaller are logos and counters of openings. */
  inlinePictureMinBytes: 4 * KiB,
  subjectChars: 200,
  nameChars: 200,
  messageIdChars: 400,
  /** Message-IDs of a thread that an answer names. */
  references: 20,
  /** Lines below "-- " that may be a signature, and lines above a quotation that may introduce it. */
  signatureLines: 15,
  introductionLines: 3,

  /** Mails handed over together, and the text among them over which a batch is closed. */
  batchMails: 20,
  batchChars: 2_000_000,
  /** Mails looked at again after the mailbox was numbered anew; the oldest beyond them are left out. */
  renumberedMails: 1_000,
  /** How far back that search goes from the last mail that was handled. */
  renumberedOverlapMs: 24 * 3_600_000,

  connectTimeoutMs: 10_000,
  /** One command to the mailbox; IDLE is renewed more often than this. */
  imapSilenceMs: 5 * 60_000,
  /** With IDLE the mailbox is asked anyway after this silence; without it, this often. */
  idleRenewalMs: 4 * 60_000,
  pollMs: 30_000,
  reconnectMinMs: 1_000,
  reconnectMaxMs: 60_000,
  /** A connection that held this long was good: the next pause is short again. */
  steadyAfterMs: 60_000,
  /** Connections beside the receiver's, for files and for subjects. */
  readers: 2,
  /** One look into the mailbox, with its login. */
  readTimeoutMs: 30_000,

  smtpConnections: 3,
  /** An idle connection is closed after this, and every one after so many mails. */
  smtpIdleMs: 10_000,
  mailsPerConnection: 50,
  /** A whole try to send; servers look for viruses before they answer. */
  sendTimeoutMs: 60_000,
  smtpAnswerBytes: 64 * KiB,
  /** The longest wait that a server may ask for. */
  retryAfterMaxMs: 3_600_000,
  /** After the quota of a day was used up; servers do not say when it begins anew. */
  quotaRetryMs: 3_600_000,
  /** A server's words in a reason. */
  answerChars: 200,

  /** Threads whose subject is remembered, and chats whose answers are counted. */
  rememberedMails: 5_000,
  countedThreads: 10_000,
  answersWindowMs: 3_600_000,
} as const;
