const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound of the gateway. Times in milliseconds, sizes in bytes unless named. */
export const gatewayLimits = {
  /** What a connection may send before its `connect` was accepted, all frames together. */
  preAuthBytes: 64 * KiB,
  /** One frame afterwards; the client is told. */
  frameBytes: 25 * MiB,
  /** From the connection to an accepted `connect`. */
  handshakeMs: 15_000,
  /** Of the HTTP request that a WebSocket begins with, TLS included. */
  upgradeMs: 10_000,
  upgradeHeaderBytes: 16 * KiB,
  /** How often each client hears of the gateway, and after how many silent ones of its own it is cut. */
  tickMs: 15_000,
  silentTicks: 2,
  /** What waits to be sent to one client; over it the client is cut. */
  bufferedBytes: 16 * MiB,
  /** Open connections of a node, and of one token at it. */
  connections: 10_000,
  connectionsPerToken: 512,
  /** Connections whose `connect` has not been accepted yet. */
  strangers: 1_000,
  /** Requests of a connection, and of a token at a node, that are not answered to their end. */
  requestsPerConnection: 128,
  requestsPerToken: 2_048,
  /** Runs of a token at a node that have not ended. */
  runsPerToken: 2_048,
  /** Ended runs that a node remembers for `agent.wait`, and the text that it keeps of them. */
  endedRuns: 5_000,
  endedRunChars: 32 * MiB,
  /** Messages of which a node knows which run they began. */
  namedRuns: 20_000,
  /** Sessions that one connection follows; the one untouched for longest makes room. */
  sessionsPerConnection: 64,
  /** Events of a session that wait while a message of it is being accepted. */
  heldEvents: 2_048,
  /** Ended runs and turns of a session whose late events are recognised. */
  recentEnds: 256,
  /** Shortest pause between two deltas of a run, and characters that a delta may repeat in a millisecond. */
  deltaMs: 100,
  deltaCharsPerMs: 512,
  /** Text of one run that is streamed; what comes behind it stands in the final event. */
  deltaChars: 1 * MiB,
  /** Pause before a run that failed for now is followed again, unless the failure names one. */
  followRetryMs: 500,
  followRetryMaxMs: 30_000,
  /**
   * Between the answer to `chat.send` and the first event of its run. OpenClaw's terminal client loses its
   * place when a whole run comes together with the answer.
   */
  firstEventMs: 50,
  /** How long a run is waited for when its client names no time, and at most. */
  runMs: 600_000,
  runMaxMs: 24 * 3_600_000,
  waitMs: 30_000,
  /** How long a message that is being accepted keeps those that its connection sent after it waiting. */
  acceptMs: 15_000,
  /**
   * A run of another client is looked up in the history when it was silent for this long, again after twice
   * that silence, and so on; after the last look (about as long as `runMs`) it is given up.
   */
  lookMs: 5_000,
  silentLooks: 8,
  historyMessages: 1_000,
  historyPage: 100,
  /** Text of one answer to `chat.history`, and of one message in it. */
  historyChars: 6 * MiB,
  messageChars: 512 * KiB,
  /** Text that is held while one answer is put together, what is cut off of long messages included. */
  historyReadChars: 32 * MiB,
  previewKeys: 64,
  previewMessages: 50,
  previewChars: 2_000,
  /** Sessions that are kept of each agent, the newest; agents whose sessions one listing covers. */
  sessionsPerAgent: 200,
  listedAgents: 1_000,
  agentsPerListing: 64,
  /** Agents of which a node keeps the newest sessions in memory. */
  indexedAgents: 10_000,
  /** How long what was read of an agent's sessions serves whoever asks. */
  indexReadMs: 500,
  /** How often the time of a session's last message is written down. */
  indexWriteMs: 30_000,
  indexWriteTries: 4,
  /** Of texts that clients give. */
  sessionKeyChars: 512,
  idChars: 255,
  closeReasonBytes: 123,
  /** How long open requests have to end when the node stops, and a client to answer a close. */
  drainMs: 5_000,
  closeMs: 1_000,
} as const;
