/** Bounds of the chat on web pages. Times in milliseconds, sizes in bytes unless named. */
export const webchatLimits = {
  /** One frame of a browser. */
  frameBytes: 128 * 1024,
  messageChars: 16_000,
  /** Frames of one connection. */
  framesPerSecond: 20,
  frameBurst: 100,
  /** Messages of one visitor at one node. */
  messagesPerSecond: 1,
  messageBurst: 15,
  /** Visitors whose messages are counted; then the one that was quiet for longest is forgotten. */
  countedVisitors: 20_000,
  /** Messages of one connection that wait for the one before them. */
  sendsWaiting: 32,
  /** What a browser knows the history by: a conversation's id, and which agent's it is. */
  historyNameChars: 256,
  /** Messages that a browser says it waits for when it connects. */
  pending: 64,
  /** At one node. */
  connections: 15_000,
  connectionsPerAccount: 5_000,
  connectionsPerVisitor: 16,
  /** Connections that have not said hello. */
  strangers: 1_000,
  helloMs: 10_000,
  /** A browser that does not answer two of them in a row is gone. */
  tickMs: 20_000,
  /** What waits to be sent to one browser, over which it is cut: what it missed is in the history. */
  queueChars: 2 * 1024 * 1024,
  queueEvents: 10_000,
  /** What a browser without memory of the conversation is shown of it. */
  historyShown: 200,
  historyPage: 50,
  /** The history is looked at this often while an answer is awaited, and otherwise. */
  awaitedLookMs: 3_000,
  idleLookMs: 60_000,
  /** Answers whose receipts are told, the newest. */
  receipts: 16,
  /** How long a stopping node waits for browsers to close. */
  closeMs: 1_000,
} as const;
