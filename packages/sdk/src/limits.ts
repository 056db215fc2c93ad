/** Every bound of the client. Times in milliseconds, sizes in bytes unless named. */
export const clientLimits = {
  /** One request without a wait, to the end of its body. */
  requestTimeoutMs: 30_000,
  /** One request's share of a longer wait; the wait goes on with the same Idempotency-Key. */
  waitSliceMs: 60_000,
  /** How long after the end of a wait the server may take to say so. */
  waitGraceMs: 15_000,
  /** Tries of one call, the first included. */
  attempts: 4,
  retryMinMs: 200,
  retryMaxMs: 5_000,
  /** A Retry-After longer than this is handed to the caller instead of waited for. */
  retryAfterMaxMs: 30_000,
  responseBytes: 256 * 1024 * 1024,
  errorBodyBytes: 1024 * 1024,
  eventBytes: 64 * 1024 * 1024,
  /** An event stream that is silent for this long is taken for dead; servers send heartbeats. */
  heartbeatTimeoutMs: 45_000,
  reconnectMinMs: 250,
  reconnectMaxMs: 5_000,
  pageItems: 200,
  /** Store nodes that are asked in place of one that cannot do it. */
  storeNodeUrls: 8,
} as const;
