import { setMaxListeners } from "node:events";
import { createSeededRandom } from "../../seeded-random.ts";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
  ReceiveMode,
} from "../fake-platform.ts";
import { DeliveryLanes, type Retry } from "./delivery-lanes.ts";
import {
  callbackOf,
  fileObject,
  ownEvent,
  type Payload,
  personEvents,
  unknownEvent,
} from "./events.ts";
import { Faults } from "./faults.ts";
import { startHttpServer } from "./http-server.ts";
import { buttonPayload, slashCommandPayload } from "./interactions.ts";
import { postWebhook, type SignedRequest, signedRequest } from "./post-webhook.ts";
import { SocketMode } from "./socket-mode.ts";
import { type ApiResponse, WebApi } from "./web-api.ts";
import { bot, type StoredFile, Workspace } from "./workspace.ts";

/** What Slack's own tests need beyond what all platforms have. */
export interface FakeSlack extends FakePlatform {
  readonly apiUrl: string;
  readonly botUser: string;
  readonly signingSecret: string;
  readonly botToken: string;
  readonly appToken: string;
  /** The id under which a chat is known to the account. */
  channelOf(chat: string, kind?: PersonMessage["kind"]): string;
  /** Any event, delivered as those of people are. */
  emit(chat: string, event: Readonly<Record<string, unknown>> & { readonly type: string }): void;
  slashCommand(chat: string, text: string): void;
  pressButton(chat: string, value: string): void;
  share(message: PersonMessage, file: Omit<StoredFile, "id">): void;
  /** A delivery as it would be posted now, or at another time in seconds since 1970. */
  signed(payload: Payload, at?: number): SignedRequest;
  answerNext(method: string, response: ApiResponse): void;
  readonly connections: number;
  requestDisconnect(reason: "warning" | "refresh_requested" | "link_disabled"): void;
  /** Ends all connections without a word. */
  cut(): void;
  /** The connections stay open, and nothing comes through them any more. */
  freeze(): void;
}

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5";
const botToken = "xoxb-fake-bot";
const appToken = "xapp-fake-app";
/** After so many messages of people comes an event that nobody knows. */
const unknownEvery = 7;

/** Slack as an app sees it: the Web API, signed events over HTTP, and socket mode. */
export async function startFakeSlack(options: FakePlatformOptions = {}): Promise<FakeSlack> {
  const faults = new Faults(options.faults ?? {}, createSeededRandom(options.seed ?? 1));
  const workspace = new Workspace();
  const violations: string[] = [];
  const listeners = new Set<() => void>();
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  const sockets = new SocketMode(faults, violations);
  let mode: ReceiveMode = "webhook";
  let targets: { readonly urls: readonly string[]; readonly ca: string | undefined } | undefined;
  let turn = 0;
  let said = 0;
  let isRevoked = false;
  let port = 0;

  const deliver = async (payload: Payload, retry: Retry | undefined) => {
    if (mode === "socket") return await sockets.deliver(payload, retry, ended.signal);
    if (targets === undefined || targets.urls.length === 0) return "connection_failed";
    turn += 1;
    const url = targets.urls[turn % targets.urls.length] ?? "";
    const request = signedRequest(payload, signingSecret);
    const reason = await postWebhook(url, withRetry(request, retry), {
      ca: targets.ca,
      isSlow: faults.hits("slow"),
      signal: ended.signal,
    });
    return reason === undefined && faults.hits("dropped") ? "http_timeout" : reason;
  };
  const lanes = new DeliveryLanes(deliver, faults, ended.signal);
  const api = new WebApi({
    workspace,
    faults,
    violations,
    botToken,
    appToken,
    speed: options.speed ?? 1,
    isRevoked: () => isRevoked,
    socketUrl: () => `ws://127.0.0.1:${port}${sockets.newLink()}`,
    onPosted(message) {
      for (const listen of listeners) listen();
      lanes.add(message.channel, [ownEvent(message)], false);
    },
  });
  const http = await startHttpServer({
    call: (request) => api.call(request),
    file: (id, token) => (token === botToken && !isRevoked ? workspace.files.get(id) : undefined),
    faults,
  });
  http.server.on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
  port = http.port;
  const apiUrl = `http://127.0.0.1:${port}/api/`;

  const write = (message: PersonMessage, files: readonly Readonly<Record<string, unknown>>[]) => {
    const { channel, payloads } = personEvents(message, workspace, files);
    lanes.add(channel, payloads, true);
    said += 1;
    if (said % unknownEvery !== 0) return;
    faults.count("unknownEvent");
    lanes.add("unknown", [unknownEvent()], false);
  };

  return {
    kind: "slack",
    apiUrl,
    botUser: bot.user,
    signingSecret,
    botToken,
    appToken,
    violations,
    counts: faults.counts,
    get faults(): FaultRates {
      return faults.rates;
    },
    set faults(rates: FaultRates) {
      faults.rates = rates;
    },
    get connections() {
      return sockets.connections;
    },
    account(wanted) {
      mode = wanted;
      const settings = { apiUrl, botToken: { fromEnv: "SLACK_BOT_TOKEN" } };
      const env = { SLACK_BOT_TOKEN: botToken };
      return wanted === "webhook"
        ? {
            settings: {
              mode: "http",
              ...settings,
              signingSecret: { fromEnv: "SLACK_SIGNING_SECRET" },
            },
            env: { ...env, SLACK_SIGNING_SECRET: signingSecret },
          }
        : {
            settings: { mode: "socket", ...settings, appToken: { fromEnv: "SLACK_APP_TOKEN" } },
            env: { ...env, SLACK_APP_TOKEN: appToken },
          };
    },
    deliverTo(urls, ca) {
      targets = { urls, ca };
    },
    say: (message) => write(message, []),
    share(message, file) {
      const stored = { id: `F${String(workspace.files.size + 1).padStart(8, "0")}`, ...file };
      workspace.files.set(stored.id, stored);
      write(message, [fileObject(stored, `http://127.0.0.1:${port}`)]);
    },
    emit: (chat, event) => lanes.add(workspace.channelOf(chat), [callbackOf(event)], true),
    slashCommand(chat, text) {
      lanes.add(
        workspace.channelOf(chat),
        [slashCommandPayload(workspace.channelOf(chat), text)],
        true,
      );
    },
    pressButton(chat, value) {
      lanes.add(workspace.channelOf(chat), [buttonPayload(workspace.channelOf(chat), value)], true);
    },
    signed: (payload, at) => signedRequest(payload, signingSecret, at),
    answerNext: (method, response) => api.answerNext(method, response),
    requestDisconnect: (reason) => sockets.requestDisconnect(reason),
    cut: () => sockets.cut(),
    freeze: () => sockets.freeze(),
    channelOf: (chat, kind) => workspace.channelOf(chat, kind),
    shown: (chat) => workspace.shown(chat),
    onShown(listen) {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
    settled: () => lanes.settled(),
    revoke(isNowRevoked) {
      isRevoked = isNowRevoked;
      if (isNowRevoked) sockets.cut();
    },
    block: (chat) => void workspace.blocked.add(workspace.channelOf(chat)),
    async close() {
      ended.abort();
      sockets.close();
      http.server.closeAllConnections();
      await new Promise<void>((resolve) => http.server.close(() => resolve()));
    },
  };
}

function withRetry(request: SignedRequest, retry: Retry | undefined): SignedRequest {
  if (retry === undefined) return request;
  const told = { "x-slack-retry-num": String(retry.number), "x-slack-retry-reason": retry.reason };
  return { ...request, headers: { ...request.headers, ...told } };
}
