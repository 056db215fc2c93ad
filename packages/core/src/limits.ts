import { invariant } from "./errors.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound of the system in one place. Times in milliseconds, sizes in bytes unless named. */
export const limits = {
  /** Body of an API request. */
  requestBodyBytes: 20 * MiB,
  /** Text of one inbound message. */
  messageTextBytes: 16 * MiB,
  /** A text over this goes to the blob store and the record holds its reference. */
  inlinePayloadBytes: 256 * KiB,
  /** The largest record or value: nats-server's default payload limit, less room for headers. */
  enginePayloadBytes: 1 * MiB - 16 * KiB,
  /** One blob of the blob store. */
  blobBytes: 32 * MiB,
  /** A batch record is closed at this size, or at this many entries. */
  batchBytes: 768 * KiB,
  batchEntries: 1024,
  /** Entries waiting for an append to a log, over which callers get `node_busy`. */
  appendQueueEntries: 16_384,
  appendQueueBytes: 128 * MiB,
  /** Appends in flight per node over all partitions; the fullest batch goes first. */
  appendsInFlight: 8,
  /** One try's wait for its acknowledgement, the pause after it, and how long a caller is kept waiting. */
  appendTryMs: 700,
  appendRetryMs: 20,
  appendTimeoutMs: 2_000,
  /** Longest pause between two tries of a journal append, which are not given up. */
  journalRetryMaxMs: 250,
  /** Tries before the outcome is called unknown. */
  appendAttempts: 5,

  /** Free space of the engine's disk below which nothing is written, and how often it is looked at. */
  storageReserveBytes: 8 * MiB,
  storageCheckMs: 250,
  /** Of what the engine wrote about itself since the last look. */
  engineLogReadBytes: 64 * KiB,

  /** Channel accounts, identity links, and entries of one list of who may talk. */
  accountsPerOrganization: 10_000,
  identityLinksPerOrganization: 100_000,
  accessEntries: 1_000,

  /** Outgoing messages of a conversation that wait: over it no new turn begins. */
  outboxWaiting: 100,
  /** Characters of the texts that wait in an outbox, over which no new turn begins either. */
  outboxChars: 4 * MiB,
  /** Receipts of messages that are not known yet, kept per conversation. */
  receiptsUnmatched: 16,
  /** A platform's reason and id, as they are kept. */
  deliveryReasonChars: 500,
  /** Pauses between tries of a piece, the longest time a message waits, and looks at a lost account. */
  deliveryRetryMinMs: 400,
  deliveryRetryMaxMs: 60_000,
  deliveryMaxMs: 24 * 3_600_000,
  accountLookMs: 30_000,
  /** A window of a platform's rate is taken this much longer: sends may come closer together than they left. */
  rateMargin: 1.05,
  rateMarginMs: 50,
  /** A send is granted at most this long ahead; who would wait longer asks again. */
  permitAheadMs: 2_000,
  permitAskAgainMs: 10_000,
  /** Chats whose last sends an account's owner remembers. */
  rateChats: 100_000,
  /** How far apart two tellings of one send may be. */
  rateToldSlackMs: 500,
  /** Longest pause of an account whose owner changed. */
  rateTakeoverMaxMs: 5_000,
  /** What a receiver keeps for its next owner. */
  accountCursorChars: 64 * KiB,
  /** Pauses between tries of a receiver, and looks at credentials that were refused. */
  receiverRetryMinMs: 500,
  receiverRetryMaxMs: 60_000,
  accountCheckMs: 60_000,
  accountCheckTimeoutMs: 20_000,
  /** Accounts that change their owner at once to level what nodes have. */
  accountMoves: 1,
  /** How long a new owner waits for the last one to let go of an account, and for a dead one to notice. */
  accountReleaseMs: 5_000,
  accountGuardMs: 1_000,
  /** Events of one request or poll, and files of one message. */
  eventsAtOnce: 1_000,
  mediaPerMessage: 10,
  /** Failed deliveries kept for the operators of an organization; the oldest make room. */
  failedDeliveriesPerOrganization: 10_000,
  /** Tries to write one down, and the pause after each: longer than the engine is away in a failover. */
  failedDeliveryTries: 60,
  failedDeliveryRetryMs: 1_000,
  /** A webhook's body. */
  webhookBodyBytes: 4 * MiB,
  /** One file's fetch; a text file up to this size is read to the agent. */
  mediaFetchMs: 30_000,
  mediaTextBytes: 16 * KiB,
  /** Pause before an account's owner is asked again that did not answer. */
  permitRetryMs: 200,
  typingAfterMs: 500,
  /** How long people are shown that an answer is being written, without news of it. */
  typingEveryMs: 4_000,
  typingMaxMs: 120_000,
  /** Sends of an account in flight per partition: a flood's would take longer than a planned move waits. */
  accountSendsInFlight: 64,
  /** How long a planned move waits for sends that are in flight. */
  sendHandOverMs: 3_000,
  /** Outgoing messages that are done and whose state is kept, per conversation. */
  deliveriesKept: 64,

  conversationPending: 100,
  /** The same for messages of platforms, which would send what is refused again and again. */
  chatPending: 1_000,
  agentPending: 2_000,
  nodePending: 32_768,
  nodePendingBytes: 256 * MiB,
  turnsInFlight: 2_048,
  turnsInFlightPerAgent: 256,
  turnAttempts: 5,
  turnRetryMinMs: 200,
  turnRetryMaxMs: 30_000,
  /** Over this a message stays in its inbox and is tried on, until one is replayed or discarded. */
  deadLettersPerOrganization: 10_000,
  /** How often they are counted anew while there are too many: another node may have made room. */
  deadLetterRecountMs: 10_000,
  /** How long a message waits for a model that is away before it is dead-lettered. */
  modelOutageMaxMs: 24 * 3_600_000,

  /** Keys of handled inputs remembered per conversation, newest first. */
  dedupeKeysPerConversation: 1_000,
  /** Ends of stateless calls that an owner remembers for clients of other nodes. */
  endedCallsPerPartition: 2_000,
  endedCallChars: 8 * MiB,
  /** Messages a conversation keeps in memory; older ones are sealed into history pages. */
  historyTailMessages: 96,
  historyPageMessages: 64,
  /** Text of one answer to who reads a history; it ends early, but holds one message at least. */
  historyReadChars: 16 * MiB,
  /** Conversations in memory per partition, and their text. */
  activeConversations: 50_000,
  activeConversationBytes: 128 * MiB,
  /** A conversation untouched for this long is put out of memory. */
  passivateAfterMs: 5 * 60_000,
  /** The journal is truncated behind checkpoints when its tail is longer than this. */
  journalTailBytes: 64 * MiB,
  journalTailRecords: 20_000,
  checkpointsInFlight: 32,
  /** Conversations being read from their checkpoints per node: more at once would only time out. */
  activationsInFlight: 256,

  stepsPerTurn: 32,
  toolCallsPerStep: 32,
  toolsPerAgent: 128,
  toolArgumentBytes: 256 * KiB,
  toolResultBytes: 256 * KiB,
  toolTimeoutMs: 60_000,
  toolTimeoutMaxMs: 600_000,
  agentDepth: 8,
  /** Hops of an HTTP tool's redirects, all within its own origin. */
  toolRedirects: 5,
  /** Name, description and JSON schema of one tool together. */
  toolDescriptorBytes: 64 * KiB,
  /** Compiled JSON schemas kept per node. */
  toolSchemasCompiled: 1_000,
  /** How long the listing of an agent's tools waits for a server that is away or starting. */
  toolListWaitMs: 3_000,
  /** MCP servers connected per node; the one idle longest makes room. */
  mcpConnections: 256,
  mcpConnectTimeoutMs: 30_000,
  /** How long a server may stay silent to the question for the newest protocol. */
  mcpProbeTimeoutMs: 5_000,
  /** One message of an MCP server; a longer one is cut as it arrives. */
  mcpMessageBytes: 4 * MiB,
  /** What a listing may hold before the agents' own limits apply. */
  mcpListPages: 64,
  mcpListTools: 2_000,
  mcpListingMaxAgeMs: 5 * 60_000,
  /** A server that nobody used for this long is stopped. */
  mcpIdleMs: 10 * 60_000,
  mcpRetryMinMs: 500,
  mcpRetryMaxMs: 60_000,
  /** A child gets this long to end by itself, and again after SIGTERM. */
  mcpStopGraceMs: 2_000,
  mcpStderrLineBytes: 2 * KiB,
  mcpStderrLinesPerMinute: 60,
  modelFirstByteTimeoutMs: 60_000,
  modelIdleTimeoutMs: 30_000,
  modelAttempts: 3,
  modelOutputBytes: 1 * MiB,
  /** Full jitter between tries; a provider that asks for a longer wait is left to the turn's retry. */
  modelRetryMinMs: 250,
  modelRetryMaxMs: 8_000,
  /** A provider's circuit opens after this many failures in a row, and is probed after this long. */
  modelCircuitFailures: 5,
  modelCircuitOpenMs: 10_000,
  modelCircuits: 4_096,
  /** Provider clients kept ready per node, the least recently used dropped first. */
  modelClients: 256,
  /** One event of a provider's stream, and the body of its error answer. */
  modelEventBytes: 4 * MiB,
  modelErrorBodyBytes: 64 * KiB,
  contextChars: 400_000,
  /** What a turn itself must show the model, where the agent declares no limit; the provider judges it. */
  turnChars: 16 * MiB,

  resourceBytes: 512 * KiB,
  resourcesPerApply: 1_000,
  organizations: 100_000,
  providersPerOrganization: 1_000,
  agentsPerOrganization: 1_000_000,
  /** Sets of resources being applied by a node at once, and the writes of one of them. */
  resourceAppliesInFlight: 64,
  resourceWritesInFlight: 32,
  /** Faults of a set of resources that are named; the rest is only counted. */
  resourceFaultsNamed: 1_000,
  /** Resources kept parsed per node, and the JSON that they were parsed from. */
  resourcesParsed: 20_000,
  resourcesParsedChars: 128 * MiB,
  /** How long a node waits for all resources at its start, and to see its own deletion. */
  resourceLoadTimeoutMs: 60_000,
  resourceVisibleTimeoutMs: 10_000,
  listPageMax: 1_000,
  /** A page of resources ends when its JSON reaches this. */
  listPageChars: 8 * MiB,
  memoryValueBytes: 64 * KiB,
  memoryKeysPerAgent: 1_000,
  memoryKeyBytes: 200,
  memoryWriteAttempts: 8,
  nameLength: 63,
  conversationIdLength: 200,
  idempotencyKeyLength: 255,

  streamSubscribersPerConversation: 64,
  streamBufferBytes: 1 * MiB,
  requestsPerSecondPerToken: 10_000,
  /** A silent stream gets a comment this often. */
  streamHeartbeatMs: 15_000,
  /** A stream's client that takes nothing for this long is cut. */
  streamStallMs: 30_000,
  /** How often it is looked for what no event told: while a turn runs in silence, and otherwise. */
  streamSilentLookMs: 3_000,
  streamLookMs: 60_000,
  /** How deep objects and arrays of a request may be nested. */
  jsonDepth: 100,
  /** Values of one JSON body: what is checked one by one must not keep the node from its heartbeats. */
  jsonValues: 200_000,
  /** Messages of one request, or parts of one of them, and how many of its faults are named. */
  requestItems: 10_000,
  requestFaultsNamed: 50,
  requestHeaderBytes: 32 * KiB,
  requestHeadersTimeoutMs: 10_000,
  /** A whole request, its body included, must have arrived within this. */
  requestTimeoutMs: 120_000,
  keepAliveTimeoutMs: 72_000,
  /** Open connections of the API, over which new ones are dropped. */
  connections: 20_000,
  /** A node's certificates are renewed at half of this; they begin earlier, as clocks differ and jump. */
  certificateLifetimeMs: 24 * 3_600_000,
  certificateBackdateMs: 2 * 3_600_000,
  authorityLifetimeMs: 3_652 * 24 * 3_600_000,
  /** DNS names and addresses in one certificate. */
  certificateHosts: 32,
  /** PEM text of one certificate with its chain, or of a request for one. */
  certificateChars: 32 * KiB,
  /** Tries to change the authority while others change it, too. */
  authorityChangeAttempts: 8,
  joinTokenLifetimeMs: 10 * 60_000,
  /** Join tokens that have not expired, the used ones too. */
  joinTokens: 1_000,
  /** Addresses in one join token, and its text. */
  joinTokenUrls: 16,
  joinTokenChars: 8 * KiB,
  tokensPerOrganization: 1_000,
  tokenCacheEntries: 10_000,
  /** Stored responses that may lie between a response and the conversation it branched from. */
  responseForks: 4,
  /** Body of a request to join, its token and certificate requests included. */
  joinBodyBytes: 64 * KiB,
  /** Requests to join of one address, as many at once and as many per second afterwards. */
  joinBurst: 20,
  joinsPerSecond: 5,
  /** Addresses that are told apart; then the one that was quiet for longest is forgotten. */
  joinAddresses: 4_096,
  /** How far the clocks of a joining node and of the cluster may lie apart. */
  joinClockSkewMs: 5 * 60_000,
  /** One try to join at one address, and the redirects that are followed. */
  joinTimeoutMs: 20_000,
  joinRedirects: 2,
  joinAnswerBytes: 1 * MiB,
  /** Labels of a node; characters of a label's name, and of its value or the zone. */
  nodeLabels: 32,
  nodeLabelNameChars: 100,
  nodeLabelChars: 200,
  /** Without a wish a node becomes a store node while there are fewer; how long one of them may not be heard of. */
  storeNodesWanted: 3,
  joinedSilenceMs: 60_000,
  /** How long nodes in the local network have to answer. */
  discoveryMdnsMs: 3_000,
  discoveryDnsTryMs: 1_000,
  discoveryDnsTries: 2,
  /** Addresses of one discovery; what was found beyond them is left out. */
  discoveredAddresses: 32,
  discoveryInterfaces: 16,
  /** How often a node looks whether its certificates are due, and tries of one renewal. */
  renewalCheckMs: 30_000,
  renewalTries: 5,
  renewalRetryMinMs: 500,
  renewalRetryMaxMs: 20_000,
  /** Of the certificates that a store node keeps for the start after all nodes were off. */
  reserveCertificateLifetimeMs: 400 * 24 * 3_600_000,
  /** Pause after a failed change of the engine's users and routes. */
  engineUsersRetryMs: 1_000,
  /** How long a joining node waits until the engine knows it. */
  engineUsersWaitMs: 10_000,
  /** How often a growing cluster is looked at, and one that need not grow. */
  growthCheckMs: 1_000,
  growthIdleCheckMs: 30_000,
  /** Pause between two looks for servers of removed nodes. */
  strayCheckMs: 10_000,

  /** Nodes say that they live this often, and are dead after this silence; later if they are always late. */
  heartbeatMs: 300,
  nodeSilenceMs: 1_500,
  nodeSilenceMaxMs: 6_000,
  failureCheckMs: 200,
  /** A coordinator that has just started waits this long for nodes that it has not heard of yet. */
  nodeStartMs: 8_000,
  /** A node that was dead gets new partitions when it has been alive for this long. */
  nodeProbationMs: 10_000,
  /** How long a node that stops waits for others to take its partitions. */
  leaveMs: 8_000,
  coordinatorRoundMs: 1_000,
  clusterWriteAttempts: 8,
  /** Nodes that are taken out by one request. */
  nodesPerRemoval: 16,
  /** Partitions are moved for their load this often, so many at once. */
  rebalanceIntervalMs: 5_000,
  rebalanceMoves: 8,
  /** How long a partition that was moved stays where it is, unless its node is away. */
  moveRestMs: 30_000,
  /** How long turns may go on at an owner whose partition is moved, and how long the next one waits for it. */
  handOverMs: 10,
  handOverMaxMs: 250,
  /** Steps that a last owner still runs: how many a node waits for, and how long for one. */
  handedSteps: 8_192,
  handedStepMaxMs: 660_000,
  /**
   * How often it asks for them, after how many such questions in a row without an answer it goes on as after a
   * crash, and how many that have ended their last owner keeps.
   */
  handedReminderMs: 1_000,
  handedRemindersMax: 10,
  handedStepsKept: 256,
  /** A starting node's pauses while the engine has no majority yet, and between asking whether it is a member. */
  engineStartPauseMs: 250,
  membershipCheckMs: 5_000,
  /** How long a starting node waits for its partitions; pauses between tries to open one. */
  openPatienceMs: 20_000,
  reopenMinMs: 200,
  reopenMaxMs: 500,
  /** One question to a partition's owner, and how long it is asked again while the owner changes. */
  ownerAnswerMs: 1_000,
  ownerPatienceMs: 5_000,
  ownerRetryMs: 50,
  ownerQuestions: 10_000,
  /** A node asks this often for the ends of messages that it accepted and another node handles. */
  awaitedCheckMs: 5_000,
  /** The same for messages that clients wait for here although another node accepted them. */
  awaitedRepeatMs: 500,
  awaitedQuestions: 256,
  /** After so many checks in which the owner knew nothing of a stateless call, its client is told so. */
  awaitedUnknown: 3,
  /** Conversations of a node that clients of other nodes watch, and how often those say so. */
  remoteWatches: 20_000,
  watchRenewalMs: 5_000,

  waitMaxMs: 600_000,
  shutdownMs: 10_000,
} as const;

invariant(
  2 * limits.appendTryMs < limits.appendTimeoutMs,
  "a lost acknowledgement is asked for again",
);
invariant(limits.batchBytes < limits.enginePayloadBytes, "a batch fits the engine's payload");
invariant(limits.inlinePayloadBytes * 2 < limits.batchBytes, "two inline payloads fit a batch");
invariant(limits.messageTextBytes <= limits.requestBodyBytes, "a message fits a request");
invariant(limits.messageTextBytes <= limits.turnChars, "every message can be shown to a model");
invariant(limits.requestBodyBytes <= limits.blobBytes, "whatever arrives fits a blob");
invariant(limits.historyPageMessages < limits.historyTailMessages, "a page fits the tail");
invariant(limits.resourceBytes < limits.enginePayloadBytes, "a resource fits a record");
invariant(limits.toolResultBytes * 4 < limits.mcpMessageBytes, "a whole result fits a message");
invariant(limits.toolListWaitMs < limits.mcpConnectTimeoutMs, "a slow start is not waited for");
