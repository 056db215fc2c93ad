import type { StoredMessage, Workspace } from "./workspace.ts";
import { app, bot, team } from "./workspace.ts";
import type { Faults } from "./faults.ts";
import { mrkdwnFault } from "./mrkdwn.ts";
import { RateBuckets } from "./rate-bucket.ts";

/** One call of a method of the Web API. */
export interface ApiRequest {
  readonly method: string;
  readonly token: string | undefined;
  readonly args: Readonly<Record<string, string>>;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** It took effect, and the answer gets lost. */
  readonly isLost?: boolean;
}

export interface WebApiOptions {
  readonly workspace: Workspace;
  readonly faults: Faults;
  readonly violations: string[];
  readonly botToken: string;
  readonly appToken: string;
  readonly speed: number;
  readonly isRevoked: () => boolean;
  readonly socketUrl: () => string;
  readonly onPosted: (message: StoredMessage) => void;
}

type Method = (args: Readonly<Record<string, string>>) => ApiResponse;

const textMaxChars = 40_000;
const scopes =
  "app_mentions:read,channels:history,chat:write,commands,files:read,groups:history,im:history,mpim:history,users:read";

/** The methods that are served, with the answers, errors and limits that Slack documents. */
export class WebApi {
  readonly #options: WebApiOptions;
  readonly #perChannel: RateBuckets;
  readonly #perWorkspace: RateBuckets;
  readonly #methods: Readonly<Record<string, Method>>;
  /** Words that methods answer in place of their work, for one call each. */
  readonly #refusals = new Map<string, ApiResponse[]>();

  constructor(options: WebApiOptions) {
    this.#options = options;
    this.#perChannel = new RateBuckets(1, 1_000 / options.speed);
    this.#perWorkspace = new RateBuckets(300, 60_000 / options.speed);
    this.#methods = {
      "auth.test": () => this.#authTest(),
      "apps.connections.open": () => ok({ url: this.#options.socketUrl() }),
      "chat.postMessage": (args) => this.#changing(args, () => this.#post(args)),
      "conversations.history": (args) => this.#history(args),
      "conversations.replies": (args) => this.#replies(args),
      "users.info": (args) => this.#userInfo(args),
    };
  }

  /** The next call of the method is answered with this. */
  answerNext(method: string, response: ApiResponse): void {
    this.#refusals.set(method, [...(this.#refusals.get(method) ?? []), response]);
  }

  call({ method, token, args }: ApiRequest): ApiResponse {
    this.#options.faults.count(method);
    const wanted = method.startsWith("apps.") ? this.#options.appToken : this.#options.botToken;
    if (token === undefined || token === "") return refused("not_authed");
    if (this.#options.isRevoked()) return refused("token_revoked");
    if (token !== wanted) return refused("invalid_auth");
    const told = this.#refusals.get(method)?.shift();
    if (told !== undefined) return told;
    return this.#methods[method]?.(args) ?? refused("unknown_method");
  }

  #authTest(): ApiResponse {
    return ok({
      url: "https://fake.slack.com/",
      team: "Fake",
      user: bot.name,
      team_id: team,
      user_id: bot.user,
      bot_id: bot.id,
      is_enterprise_install: false,
    });
  }

  /** The faults of calls that change what people see. */
  #changing(args: Readonly<Record<string, string>>, change: () => ApiResponse): ApiResponse {
    const { faults, violations } = this.#options;
    if (faults.hits("tooMany")) return limited(1);
    if (faults.hits("serverError")) {
      return { status: 503, body: { ok: false, error: "service_unavailable" } };
    }
    const waitMs = Math.max(
      this.#perChannel.take(args["channel"] ?? ""),
      this.#perWorkspace.take(""),
    );
    if (waitMs > 0) {
      violations.push(`A rate was exceeded in ${args["channel"] ?? "no channel"}.`);
      return limited(Math.max(1, Math.ceil(waitMs / 1_000)));
    }
    const response = change();
    const isLost = response.body["ok"] === true && faults.hits("lostAnswer");
    return isLost ? { ...response, isLost } : response;
  }

  #post(args: Readonly<Record<string, string>>): ApiResponse {
    const { onPosted, workspace } = this.#options;
    const { channel = "", thread_ts: thread } = args;
    if (!workspace.hasChannel(channel)) return refused("channel_not_found");
    const fault = this.#textFault(args["text"]);
    if (fault !== undefined) return fault;
    const metadata = readMetadata(args["metadata"]);
    if (metadata === invalid) return refused("invalid_metadata_format");
    const message: StoredMessage = {
      channel,
      ts: workspace.nextTs(),
      thread,
      user: bot.user,
      botId: bot.id,
      text: cut(args["text"] ?? ""),
      raw: args,
      metadata,
    };
    workspace.messages.push(message);
    onPosted(message);
    return ok({ channel, ts: message.ts, message: shapeOf(message, false) });
  }

  #textFault(text = ""): ApiResponse | undefined {
    const { violations } = this.#options;
    if (text.trim() === "") return refused("no_text");
    if (text.length > textMaxChars) violations.push("A text is so long that Slack cuts it.");
    const fault = mrkdwnFault(text);
    if (fault === undefined) return undefined;
    violations.push(`A text holds ${fault}.`);
    return refused("invalid_arguments");
  }

  #history(args: Readonly<Record<string, string>>): ApiResponse {
    const { workspace } = this.#options;
    if (!workspace.hasChannel(args["channel"] ?? "")) return refused("channel_not_found");
    const found = workspace.messages.filter(
      ({ channel, thread, ts }) =>
        channel === args["channel"] &&
        thread === undefined &&
        Number(ts) > Number(args["oldest"] ?? 0),
    );
    return pageOf(found.toReversed(), args);
  }

  #replies(args: Readonly<Record<string, string>>): ApiResponse {
    const { workspace } = this.#options;
    if (!workspace.hasChannel(args["channel"] ?? "")) return refused("channel_not_found");
    const found = workspace.messages.filter(
      ({ channel, thread, ts }) =>
        channel === args["channel"] && (thread === args["ts"] || ts === args["ts"]),
    );
    return pageOf(found, args);
  }

  #userInfo(args: Readonly<Record<string, string>>): ApiResponse {
    const id = args["user"] ?? "";
    const user = this.#options.workspace.users.get(id);
    if (user === undefined) return refused("user_not_found");
    const { isBot, name } = user;
    const profile = { display_name: name, real_name: name };
    return ok({
      user: { id, team_id: team, name: id.toLowerCase(), real_name: name, is_bot: isBot, profile },
    });
  }
}

function refused(error: string): ApiResponse {
  return { status: 200, body: { ok: false, error } };
}

function limited(seconds: number): ApiResponse {
  return {
    status: 429,
    headers: { "retry-after": String(seconds) },
    body: { ok: false, error: "ratelimited" },
  };
}

function ok(body: Readonly<Record<string, unknown>>): ApiResponse {
  return { status: 200, headers: { "x-oauth-scopes": scopes }, body: { ok: true, ...body } };
}

function pageOf(
  messages: readonly StoredMessage[],
  args: Readonly<Record<string, string>>,
): ApiResponse {
  const limit = Math.min(Number(args["limit"] ?? 100), 999);
  const from = Number(args["cursor"] ?? 0);
  const hasMore = messages.length > from + limit;
  const isWhole = args["include_all_metadata"] === "true";
  return ok({
    messages: messages.slice(from, from + limit).map((message) => shapeOf(message, isWhole)),
    has_more: hasMore,
    response_metadata: { next_cursor: hasMore ? String(from + limit) : "" },
  });
}

function shapeOf(message: StoredMessage, hasMetadata: boolean): Readonly<Record<string, unknown>> {
  const { botId, metadata, text, thread, ts, user } = message;
  return {
    type: "message",
    user,
    text,
    ts,
    team,
    ...(botId === undefined ? {} : { bot_id: botId, app_id: app }),
    ...(thread === undefined ? {} : { thread_ts: thread }),
    ...(hasMetadata && metadata !== undefined ? { metadata } : {}),
  };
}

const invalid = Symbol("invalid metadata");

function readMetadata(json: string | undefined): unknown {
  if (json === undefined) return undefined;
  try {
    const { event_type: type, event_payload: payload } = JSON.parse(json) as Record<
      string,
      unknown
    >;
    const isValid = typeof type === "string" && typeof payload === "object" && payload !== null;
    return isValid ? { event_type: type, event_payload: payload } : invalid;
  } catch {
    return invalid;
  }
}

function cut(text: string): string {
  return text.slice(0, textMaxChars);
}
