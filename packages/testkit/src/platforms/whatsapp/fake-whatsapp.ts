import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
} from "../fake-platform.ts";
import { Deliveries } from "./deliveries.ts";
import { type GraphError, graphErrors } from "./errors.ts";
import { Faults } from "./faults.ts";
import { endSlowly, readBody, refuse } from "./http.ts";
import {
  businessAccountId,
  delivery,
  displayPhoneNumber,
  messageId,
  messageValue,
  phoneNumberId,
  statusValue,
} from "./payloads.ts";
import { People } from "./people.ts";
import { plainText } from "./plain-text.ts";
import { RateLimits } from "./rate-limits.ts";
import { readSend } from "./read-send.ts";

export interface FakeWhatsAppOptions extends FakePlatformOptions {
  /** Statuses after `sent` that a message gets by itself; `delivered` when absent. */
  readonly statuses?: readonly ("delivered" | "read")[];
  /** How a closed 24-hour window shows: in the answer to the send, or in a later status. */
  readonly windowErrors?: "answer" | "status";
}

export interface FakeWhatsApp extends FakePlatform {
  /** A message of any type, as `{type: "image", image: {id: ...}}`. The result is its id. */
  sayContent(message: Omit<PersonMessage, "text">, content: object): string;
  /** A file that people send; the result is its id. */
  addMedia(mime: string, data: Uint8Array): string;
  /** Delivers any `value` of a change. */
  deliver(chat: string, value: object): void;
  /** Delivers a status of a message that the account sent. */
  status(platformId: string, state: string, code?: number): void;
  /** As after 24 hours in which the person did not write. */
  closeWindow(chat: string): void;
  /** The token may send, and nothing else. */
  refuseReading(isRefused: boolean): void;
  /** No app is subscribed to the business account any more. */
  unsubscribe(): void;
  /** Ids of messages that were marked as read while typing was shown. */
  readonly typing: readonly string[];
}

const accessToken = "fake-whatsapp-access-token";
const appSecret = "fake-whatsapp-app-secret";
const verifyToken = "fake-whatsapp-verify-token";
const version = "/v23.0";
const cutAfterMs = 30;

/** Meta's Cloud API for one phone number. */
export async function startFakeWhatsApp(options: FakeWhatsAppOptions = {}): Promise<FakeWhatsApp> {
  const speed = options.speed ?? 1;
  const faults = new Faults(options.seed ?? 1, options.faults ?? {});
  const people = new People();
  const limits = new RateLimits(speed);
  const deliveries = new Deliveries(appSecret, faults, speed);
  const violations: string[] = [];
  const typing: string[] = [];
  const files = new Map<string, { readonly mime: string; readonly data: Uint8Array }>();
  const sent = new Map<string, { readonly to: string; readonly key?: string }>();
  const received = new Set<string>();
  let isRevoked = false;
  let mayNotRead = false;
  let isSubscribed = true;
  let ids = 0;
  const nextId = () => messageId((ids += 1));

  const status = (id: string, state: string, code?: number) => {
    const message = sent.get(id);
    if (message === undefined) throw new Error(`No message ${id} was sent.`);
    // Statuses come on their own way: after, before or between the chat's messages.
    const value = statusValue({ id, state, ...message, ...(code === undefined ? {} : { code }) });
    deliveries.add(
      `${message.to} ${faults.rates.reordered === undefined ? "" : state}`,
      delivery(value),
    );
  };

  const take = (body: unknown): GraphError | { answer: unknown } => {
    const send = readSend(body, { received });
    if ("status" in send) {
      violations.push(`${send.message}: ${send.details ?? ""}`);
      return send;
    }
    if ("read" in send) {
      if (send.isTyping) typing.push(send.read);
      return { answer: { success: true } };
    }
    const { to, text, key } = send;
    const broken = limits.take(to);
    if (broken !== undefined) {
      violations.push(`The ${broken} rate was exceeded.`);
      return broken === "pair" ? graphErrors.pairRate : graphErrors.accountRate;
    }
    if (people.isBlocked(to)) return graphErrors.undeliverable;
    const isOpen = people.hasOpenWindow(to);
    if (!isOpen && options.windowErrors !== "status") return graphErrors.windowClosed;
    const id = nextId();
    sent.set(id, { to, ...(key === undefined ? {} : { key }) });
    if (isOpen) {
      people.show(to, { platformId: id, text: plainText(text), raw: body });
      for (const state of ["sent", ...(options.statuses ?? ["delivered"])]) status(id, state);
    } else {
      status(id, "failed", 131047);
    }
    return {
      answer: {
        messaging_product: "whatsapp",
        contacts: [{ input: to, wa_id: to }],
        messages: [{ id, message_status: "accepted" }],
      },
    };
  };

  const lookUp = (path: string): GraphError | { answer: unknown } => {
    const file = files.get(path);
    if (path === phoneNumberId) {
      return {
        answer: {
          verified_name: "Example Shop",
          display_phone_number: `+${displayPhoneNumber}`,
          quality_rating: "GREEN",
          status: "CONNECTED",
          id: phoneNumberId,
        },
      };
    }
    if (path === `${businessAccountId}/subscribed_apps`) {
      return {
        answer: {
          data: isSubscribed ? [{ whatsapp_business_api_data: { id: "1", name: "app" } }] : [],
        },
      };
    }
    if (file === undefined) return graphErrors.unknownPath;
    return {
      answer: {
        messaging_product: "whatsapp",
        url: `${base}/files/${path}`,
        mime_type: file.mime,
        file_size: String(file.data.byteLength),
        id: path,
      },
    };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", base);
    const isOurs = request.headers.authorization === `Bearer ${accessToken}`;
    if (isRevoked || !isOurs) return refuse(response, graphErrors.unauthorized);
    if (mayNotRead && request.method === "GET") return refuse(response, graphErrors.permission);
    const file = files.get(url.pathname.replace("/files/", ""));
    if (url.pathname.startsWith("/files/") && file !== undefined) {
      // Meta's server for files gives a page of HTML to who does not say what program it is.
      if ((request.headers["user-agent"] ?? "") === "") {
        response.writeHead(400, { "content-type": "text/html" }).end("<title>Error</title>");
        return;
      }
      response.writeHead(200, { "content-type": file.mime }).end(file.data);
      return;
    }
    if (faults.hits("tooMany")) return refuse(response, graphErrors.tooMany);
    if (faults.hits("serverError")) return refuse(response, graphErrors.server);
    const path = url.pathname.startsWith(`${version}/`)
      ? url.pathname.slice(version.length + 1)
      : "";
    const isSend = request.method === "POST" && path === `${phoneNumberId}/messages`;
    const result = isSend
      ? take(body)
      : request.method === "GET"
        ? lookUp(path)
        : graphErrors.unknownPath;
    if ("status" in result) return refuse(response, result);
    if (isSend && faults.hits("lostAnswer")) {
      setTimeout(() => response.destroy(), cutAfterMs / speed);
      return;
    }
    const text = JSON.stringify(result.answer);
    response.writeHead(200, { "content-type": "application/json" });
    if (!faults.hits("slow")) response.end(text);
    else await endSlowly(response, text, 1_000 / speed);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const sayContent = (message: Omit<PersonMessage, "text">, content: object): string => {
    const id = nextId();
    people.wrote(message.chat);
    received.add(id);
    deliveries.add(message.chat, delivery(messageValue(id, message, content)));
    return id;
  };

  return {
    kind: "whatsapp",
    account(mode) {
      if (mode !== "webhook") throw new Error("WhatsApp delivers by webhooks only.");
      return {
        settings: {
          phoneNumberId,
          businessAccountId,
          accessToken: { fromEnv: "FAKE_WHATSAPP_ACCESS_TOKEN" },
          appSecret: { fromEnv: "FAKE_WHATSAPP_APP_SECRET" },
          verifyToken: { fromEnv: "FAKE_WHATSAPP_VERIFY_TOKEN" },
          apiUrl: `${base}${version}`,
        },
        env: {
          FAKE_WHATSAPP_ACCESS_TOKEN: accessToken,
          FAKE_WHATSAPP_APP_SECRET: appSecret,
          FAKE_WHATSAPP_VERIFY_TOKEN: verifyToken,
        },
      };
    },
    deliverTo: (urls, ca) => deliveries.to(urls, ca),
    say(message) {
      if (message.kind === "group") throw new Error("WhatsApp's Cloud API has direct chats only.");
      sayContent(message, { type: "text", text: { body: message.text } });
    },
    sayContent,
    addMedia(mime, data) {
      const id = String(1_000_000 + files.size);
      files.set(id, { mime, data });
      return id;
    },
    deliver: (chat, value) => deliveries.add(chat, delivery(value)),
    status,
    closeWindow: (chat) => people.closeWindow(chat),
    unsubscribe: () => {
      isSubscribed = false;
    },
    typing,
    shown: (chat) => people.shown(chat),
    onShown: (listen) => people.onShown(listen),
    settled: () => deliveries.settled(),
    violations,
    counts: faults.counts,
    get faults() {
      return faults.rates;
    },
    set faults(rates: FaultRates) {
      faults.rates = rates;
    },
    revoke(isGone) {
      isRevoked = isGone;
    },
    refuseReading(isRefused) {
      mayNotRead = isRefused;
    },
    block: (chat) => people.block(chat),
    async close() {
      deliveries.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
