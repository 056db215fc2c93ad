import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
} from "../fake-platform.ts";
import { Faults } from "../whatsapp/faults.ts";
import { Chats } from "./chats.ts";
import { account, dataMessage, notification, receipt } from "./envelopes.ts";
import { type RpcError, rpcErrors, sendResult } from "./errors.ts";
import { EventFeed } from "./event-feed.ts";
import { MessageRates } from "./message-rates.ts";
import { readSend } from "./read-send.ts";

export interface FakeSignalOptions extends FakePlatformOptions {
  /** Receipts that people send; `delivered` when absent. */
  readonly receipts?: readonly ("delivered" | "read")[];
  /** False for a daemon that gives its events no ids. */
  readonly eventIds?: boolean;
  /** Phone numbers of people who let the account see them; the others hide theirs. */
  readonly numbers?: Readonly<Record<string, string>>;
  /** A daemon that was started with `-a`. */
  readonly singleAccount?: boolean;
}

export interface FakeSignal extends FakePlatform {
  /** Any part of an envelope, as `{typingMessage: {...}}`. */
  tell(from: string, part: object): void;
  /** A message with more fields, as `{attachments: [...]}`. */
  sayWith(message: PersonMessage, more: object): void;
  /** A file that the daemon has downloaded; the result is its id, which ends as the sender's name for it. */
  addAttachment(data: Uint8Array, name?: string): string;
  /** The daemon could not read what somebody sent. */
  failToRead(from: string, exception: { readonly message: string; readonly type: string }): void;
  /** The person's safety number changed and was not trusted yet. */
  distrust(person: string): void;
  /** Cuts every stream. */
  cut(): void;
  /** Streams that are open. */
  readonly listeners: number;
  /** Chats that typing was shown in. */
  readonly typing: readonly string[];
}

const token = "fake-signal-token";
const cutAfterMs = 30;

/** A signal-cli daemon with HTTP, and the servers of Signal behind it. */
export async function startFakeSignal(options: FakeSignalOptions = {}): Promise<FakeSignal> {
  const speed = options.speed ?? 1;
  const faults = new Faults(options.seed ?? 1, options.faults ?? {});
  const feed = new EventFeed(faults, speed, options.eventIds ?? true);
  const chats = new Chats();
  const rates = new MessageRates(speed);
  const violations: string[] = [];
  const typing: string[] = [];
  const blocked = new Set<string>();
  const untrusted = new Set<string>();
  const attachments = new Map<string, Uint8Array>();
  let isRevoked = false;
  let lastTimestamp = 0;
  /** Signal knows messages by their author and millisecond. */
  const nextTimestamp = () => (lastTimestamp = Math.max(Date.now(), lastTimestamp + 1));

  const tellAt = (from: string, timestamp: number, part: object, name?: string) =>
    feed.add(notification(from, timestamp, part, name, options.numbers?.[from]));
  const tell = (from: string, part: object) => tellAt(from, nextTimestamp(), part);

  const sayWith = (message: PersonMessage, more: object) => {
    const timestamp = nextTimestamp();
    const from = message.sender ?? (message.kind === "group" ? "member" : message.chat);
    tellAt(from, timestamp, dataMessage(message, timestamp, more), message.senderName);
  };

  const send = (params: Record<string, unknown>): RpcError | { result: unknown } => {
    const asked = readSend(params);
    if (typeof asked === "string") {
      violations.push(asked);
      return rpcErrors.user(asked);
    }
    const { chat, isGroup, text } = asked;
    const timestamp = nextTimestamp();
    if (faults.hits("tooMany")) return rpcErrors.rateLimited(chat, timestamp);
    if (!rates.take(chat)) {
      violations.push("The rate of a chat was exceeded.");
      return rpcErrors.rateLimited(chat, timestamp);
    }
    if (untrusted.has(chat)) return rpcErrors.untrusted(chat, timestamp);
    if (blocked.has(chat)) {
      return isGroup
        ? rpcErrors.user(`User is not a member of the group ${chat}`)
        : rpcErrors.unregistered(chat, timestamp);
    }
    chats.show(chat, { platformId: String(timestamp), text, raw: params });
    const reader = isGroup ? "member" : chat;
    for (const state of options.receipts ?? ["delivered"]) {
      tell(reader, receipt(state, [timestamp], timestamp));
    }
    return { result: { timestamp, results: [sendResult(reader, "SUCCESS")] } };
  };

  const run = (
    method: unknown,
    params: Record<string, unknown>,
  ): RpcError | { result: unknown } => {
    if (method === "version") return { result: { version: "0.14.9" } };
    if (method === "listAccounts" && options.singleAccount !== true) {
      return { result: [{ number: account, aci: null }] };
    }
    if (options.singleAccount !== true && params["account"] !== account) return rpcErrors.noAccount;
    if (method === "sendTyping") {
      const [person] = Array.isArray(params["recipient"]) ? (params["recipient"] as unknown[]) : [];
      typing.push(String(params["groupId"] ?? person));
      return { result: { timestamp: nextTimestamp(), results: [] } };
    }
    if (method === "getAttachment") {
      const id = String(params["id"]);
      if (/[/\\\0]|^\.{0,2}$/.test(id)) violations.push("An attachment's id leads elsewhere");
      const data = attachments.get(id);
      const isOfChat = params["recipient"] !== undefined || params["groupId"] !== undefined;
      if (data === undefined || !isOfChat) return rpcErrors.user("Could not find attachment");
      return { result: { data: Buffer.from(data).toString("base64") } };
    }
    if (method !== "send") return rpcErrors.method;
    if (faults.hits("serverError")) return rpcErrors.io;
    return send(params);
  };

  const answerRpc = async (request: IncomingMessage, response: ServerResponse) => {
    const { id, method, params } = await readBody(request);
    const outcome = run(method, isObject(params) ? params : {});
    if (method === "send" && "result" in outcome && faults.hits("lostAnswer")) {
      setTimeout(() => response.destroy(), cutAfterMs / speed);
      return;
    }
    const body = "result" in outcome ? outcome : { error: { data: null, ...outcome } };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", ...body, id: id ?? null }));
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (isRevoked || request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end("Unauthorized");
    } else if (request.method === "POST" && url.pathname === "/api/v1/rpc") {
      answerRpc(request, response).catch(() => response.destroy());
    } else if (request.method !== "GET" || url.pathname !== "/api/v1/events") {
      response.writeHead(404).end();
    } else if (options.singleAccount !== true && url.searchParams.get("account") !== account) {
      response.writeHead(400).end();
    } else {
      if (feed.listeners > 0) faults.count("secondListener");
      const last = request.headers["last-event-id"];
      feed.connect(response, typeof last === "string" ? last : undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    kind: "signal",
    account(mode) {
      if (mode !== "socket") throw new Error("signal-cli has a stream of events only.");
      return {
        settings: {
          account,
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          token: { fromEnv: "FAKE_SIGNAL_TOKEN" },
        },
        env: { FAKE_SIGNAL_TOKEN: token },
      };
    },
    deliverTo() {},
    say: (message) => sayWith(message, {}),
    sayWith,
    tell,
    failToRead(from, exception) {
      feed.add({ exception, ...notification(from, nextTimestamp(), {}) });
    },
    addAttachment(data, name = "file.bin") {
      const id = `attachment-${attachments.size}.${name.slice(name.lastIndexOf(".") + 1)}`;
      attachments.set(id, data);
      return id;
    },
    distrust: (person) => void untrusted.add(person),
    cut: () => feed.cut(),
    get listeners() {
      return feed.listeners;
    },
    typing,
    shown: (chat) => chats.shown(chat),
    onShown: (listen) => chats.onShown(listen),
    settled: () => feed.settled(),
    violations,
    counts: faults.counts,
    get faults() {
      return faults.rates;
    },
    set faults(rates_: FaultRates) {
      faults.rates = rates_;
    },
    revoke(isGone) {
      isRevoked = isGone;
      if (isGone) feed.cut();
    },
    block: (chat) => void blocked.add(chat),
    async close() {
      feed.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Uint8Array[] = [];
  for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
  const body: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
  return isObject(body) ? body : {};
}
