import { createSeededRandom } from "../../seeded-random.ts";
import type {
  FakePlatform,
  FakePlatformOptions,
  FaultRates,
  PersonMessage,
} from "../fake-platform.ts";
import { type Answer, done, refused } from "./answers.ts";
import { createBotServer } from "./bot-server.ts";
import { createChats } from "./chats.ts";
import { chatOf, sendChatAction, sendMessage } from "./messages.ts";
import { createPoller } from "./polling.ts";
import { createRates } from "./rates.ts";
import { createUpdateQueue, type NewUpdate } from "./update-queue.ts";
import { createWebhookSender } from "./webhook-sender.ts";

export interface FakeTelegram extends FakePlatform {
  readonly url: string;
  readonly token: string;
  readonly secret: string;
  readonly bot: { readonly id: number; readonly username: string };
  /** The platform's id of the chat of that name, which is made when it is new. */
  chatId(chat: string, kind?: "direct" | "group"): string;
  /** Like `say`, with more of Telegram's message: a topic, a file, an answered message. */
  sayMore(message: PersonMessage, more: Readonly<Record<string, unknown>>): void;
  /** An update of another kind, as Telegram may invent it. */
  sendUnknown(update: Readonly<Record<string, unknown>>): void;
  /** The next update has this number: Telegram chooses one by chance after a quiet week. */
  renumber(nextId: number): void;
  /** A file that people may send; gives its `file_id`. */
  addFile(data: Uint8Array, path: string): string;
  /** The group becomes a supergroup of another id. */
  migrate(chat: string): string;
  /** Answers the next calls of this method instead of doing them; `cut` destroys the connection. */
  answerNext(method: string, answer: Answer | "cut" | { status: number; text: string }): void;
  /** Calls of the Bot API so far, by method. */
  readonly calls: Readonly<Record<string, number>>;
  /** Resolves when the method was called that often in all. */
  called(method: string, times: number): Promise<void>;
  readonly webhook: { readonly url: string; readonly allowed: readonly string[] } | undefined;
  /** Somebody else sets the webhook. */
  overwriteWebhook(url: string): void;
}

const token = "4200000001:fake-token-of-a-bot_that-exists-nowhere";
const secret = "fake-webhook-secret_01";
const bot = { id: 4_200_000_001, is_bot: true, first_name: "Fake bot", username: "fake_agent_bot" };
const publicUrl = "https://bots.example.org/telegram";

/** The Bot API as its documentation tells: https://core.telegram.org/bots/api */
export async function startFakeTelegram(options: FakePlatformOptions = {}): Promise<FakeTelegram> {
  const speed = options.speed ?? 1;
  const random = createSeededRandom(options.seed ?? 1);
  const chats = createChats();
  const queue = createUpdateQueue(500_001);
  const violations: string[] = [];
  const counts: Record<string, number> = {};
  const listeners = new Set<() => void>();
  let faults: FaultRates = options.faults ?? {};
  let nextMessageId = 1;
  let allowed: readonly string[] = [];

  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const hits = (fault: keyof FaultRates) => {
    const share = faults[fault] ?? 0;
    // No number is drawn for faults that are off, so that runs stay alike when one is added.
    const isHit = share > 0 && random.next() < share;
    if (isHit) count(fault);
    return isHit;
  };
  const violation = (text: string) => violations.push(text);
  const sender = createWebhookSender(queue, {
    isAckLost: () => hits("dropped"),
    isSlow: () => hits("slow"),
  });
  const poller = createPoller(queue, violation, speed);
  const context = {
    chats,
    rates: createRates(speed, () => performance.now()),
    bot,
    nextMessageId: () => nextMessageId++,
    violation,
    changed: () => {
      for (const listener of listeners) listener();
    },
    speed,
  };
  queue.onAdded = () => {
    sender.deliver();
    poller.wake();
  };

  const server = await createBotServer({
    token,
    bot,
    speed,
    hits,
    methods: {
      getMe: () => done({ ...bot, can_join_groups: true, can_read_all_group_messages: false }),
      getUpdates(parameters, signal) {
        if (sender.registered) {
          return refused(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
          );
        }
        return poller.ask(parameters, signal);
      },
      setWebhook(parameters) {
        const { url, secret_token: given = "", max_connections: max = 40 } = parameters;
        if (typeof url !== "string" || !/^https:\/\/|^http:\/\/127\.0\.0\.1/.test(url)) {
          return refused(
            400,
            "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
          );
        }
        if (!/^[A-Za-z0-9_-]{0,256}$/.test(String(given))) {
          return refused(400, "Bad Request: secret token contains unallowed characters");
        }
        dropIfAsked(parameters);
        if (Array.isArray(parameters["allowed_updates"])) allowed = parameters["allowed_updates"];
        sender.registered = { url, secret: String(given), maxConnections: Number(max) };
        poller.end(refused(409, "Conflict: terminated by setWebhook request"));
        sender.deliver();
        return done(true);
      },
      deleteWebhook(parameters) {
        dropIfAsked(parameters);
        sender.registered = undefined;
        return done(true);
      },
      getWebhookInfo: () =>
        done({
          url: sender.registered?.url ?? "",
          has_custom_certificate: false,
          pending_update_count: queue.waiting.length,
          ...(sender.registered ? { max_connections: sender.registered.maxConnections } : {}),
          ...(allowed.length === 0 ? {} : { allowed_updates: allowed }),
          ...(sender.lastError
            ? {
                last_error_date: sender.lastError.date,
                last_error_message: sender.lastError.message,
              }
            : {}),
        }),
      sendMessage: (parameters) => sendMessage(context, parameters),
      sendChatAction: (parameters) => sendChatAction(context, parameters),
    },
  });

  return {
    kind: "telegram",
    url: server.url,
    token,
    secret,
    bot,
    account: (mode) => ({
      settings: {
        token: { fromEnv: "FAKE_TELEGRAM_TOKEN" },
        apiUrl: server.url,
        ...(mode === "webhook"
          ? { webhook: { secret: { fromEnv: "FAKE_TELEGRAM_SECRET" }, publicUrl } }
          : {}),
      },
      env: { FAKE_TELEGRAM_TOKEN: token, FAKE_TELEGRAM_SECRET: secret },
    }),
    deliverTo: (urls, ca) => sender.deliverTo(urls, ca),
    say: (message) => say(message, {}),
    sayMore: say,
    sendUnknown(update) {
      count("unknown");
      enqueue("", update);
    },
    shown: (chat) => [...(chats.known(chat)?.shown ?? [])],
    onShown(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    settled: () => queue.settled(),
    violations,
    counts,
    get faults() {
      return faults;
    },
    set faults(rates) {
      faults = rates;
    },
    revoke(isRevoked) {
      server.isRevoked = isRevoked;
      if (isRevoked) poller.end(refused(401, "Unauthorized"));
    },
    block(chat) {
      chats.named(chat).isBlocked = true;
    },
    chatId: (chat, kind) => String(chats.named(chat, kind).id),
    renumber: (nextId) => queue.renumber(nextId),
    addFile: (data, path) => server.addFile(data, path),
    migrate(name) {
      const chat = chats.named(name, "group");
      chat.formerId = chat.id;
      chat.id = -1_002_000_000_000 + chat.id;
      return String(chat.id);
    },
    answerNext: (method, answer) => server.answerNext(method, answer),
    calls: server.calls,
    called: (method, times) => server.called(method, times),
    get webhook() {
      return sender.registered ? { url: sender.registered.url, allowed } : undefined;
    },
    overwriteWebhook(url) {
      sender.registered = { url, secret: "", maxConnections: 40 };
      poller.end(refused(409, "Conflict: terminated by setWebhook request"));
    },
    async close() {
      queue.close();
      sender.close();
      poller.end(done([]));
      await server.close();
    },
  };

  function dropIfAsked(parameters: Readonly<Record<string, unknown>>): void {
    if (parameters["drop_pending_updates"] === true) violation("pending updates were dropped");
  }

  function enqueue(chat: string, body: Readonly<Record<string, unknown>>): void {
    const update: NewUpdate = { chat, body, isRepeated: hits("duplicate") };
    if (hits("reordered")) queue.hold(update);
    else queue.add(update);
  }

  function say(message: PersonMessage, more: Readonly<Record<string, unknown>>): void {
    const chat = chats.named(message.chat, message.kind);
    const name = message.sender ?? message.chat;
    const isNamed = message.mentionsAccount === true && chat.kind === "group";
    const mention = `@${bot.username}`;
    const messageId = context.nextMessageId();
    chat.messageIds.add(messageId);
    enqueue(message.chat, {
      message: {
        message_id: messageId,
        from: {
          id: chat.kind === "direct" ? chat.id : chats.personId(name),
          is_bot: message.isBot ?? false,
          first_name: message.senderName ?? name,
        },
        chat: chatOf(chat),
        date: Math.floor(Date.now() / 1_000),
        text: isNamed ? `${mention} ${message.text}` : message.text,
        ...(isNamed ? { entities: [{ type: "mention", offset: 0, length: mention.length }] } : {}),
        ...more,
      },
    });
  }
}
