import {
  type ConversationRef,
  type Conversations,
  HoldfastError,
  type InboundEvent,
  type StoredMessage,
  toHoldfastError,
} from "@holdfast/core";
import type { RawData, WebSocket } from "ws";
import { AddressBuckets } from "../http/token-bucket.ts";
import { acceptMessage, type AcceptTools, requirePlace, tooFast } from "./accept-message.ts";
import { type ClientFrame, closeCodes, type Hello, readFrame, type ServerFrame } from "./frames.ts";
import { webchatLimits } from "./limits.ts";
import { historyName, messageIdOf } from "./place.ts";
import { Receipts } from "./receipts.ts";
import { isAnswer, VisitorFeed } from "./visitor-feed.ts";
import { type ChatAccount, chatAccount } from "./web-account.ts";

export interface ChatTools extends AcceptTools {
  readonly conversations: Conversations;
  /** False when the visitor has as many connections as one may. */
  readonly admit: (connection: ChatConnection, visitor: string) => boolean;
  readonly report: (error: HoldfastError, where: string) => void;
}

interface AccountName {
  readonly organization: string;
  readonly name: string;
}

/** What is known since the browser's hello. */
interface Session {
  readonly visitor: string;
  readonly ref: ConversationRef;
  readonly feed: VisitorFeed;
  readonly receipts: Receipts;
}

/** One browser that shows a chat. */
export class ChatConnection {
  readonly account: AccountName;
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #tools: ChatTools;
  readonly #frames: AddressBuckets;
  /** The account as it was at the hello. */
  #declared: ChatAccount["declared"] | undefined;
  #session: Session | undefined;
  #cancelHello: () => void;
  /** Messages are accepted one after the other, in the order in which they were written. */
  #sending: Promise<void> = Promise.resolve();
  #waiting = 0;
  #unanswered = 0;

  constructor(socket: WebSocket, account: AccountName, tools: ChatTools) {
    this.#socket = socket;
    this.account = account;
    this.#tools = tools;
    const { framesPerSecond: perSecond, frameBurst: burst, helloMs } = webchatLimits;
    this.#frames = new AddressBuckets(tools.clock, { perSecond, burst }, 1);
    this.#cancelHello = tools.clock.schedule(helloMs, () => this.#close(closeCodes.badFrame));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#cancelHello();
        this.#session?.feed.close();
        resolve();
      });
    });
    socket.on("error", () => socket.terminate());
    socket.on("pong", () => {
      this.#unanswered = 0;
    });
    socket.on("message", (data: RawData, isBinary: boolean) => this.#receive(data, isBinary));
  }

  /** Browsers show no pings to pages: so each gets both. */
  tick(): void {
    if (this.#unanswered >= 2) return this.#socket.terminate();
    this.#unanswered += 1;
    this.#socket.ping();
    this.#tell({ type: "tick" }).catch(() => undefined);
  }

  /** The accounts changed: this one may be another than that of the hello. */
  checkAccount(): void {
    if (!this.#declared) return;
    const now = this.#chatAccount();
    if (!now) this.#close(closeCodes.gone);
    else if (now.declared !== this.#declared) {
      this.#close(closeCodes.changed);
    }
  }

  leave(): void {
    this.#close(closeCodes.goingAway);
  }

  cut(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#frames.take("") > 0) return this.#close(closeCodes.tooMuch);
    const frame = isBinary ? undefined : readFrame((data as Buffer).toString());
    if (!frame) return this.#badFrame("This is no frame of the chat.");
    if (frame.type === "hello") {
      if (this.#session) return this.#badFrame("Hello is said once.");
      return this.#hello(frame);
    }
    if (!this.#session) return this.#badFrame("Hello comes first.");
    this.#take(this.#session, frame);
  }

  #hello(hello: Hello): void {
    this.#cancelHello();
    const chat = this.#chatAccount();
    if (!chat) return this.#close(closeCodes.gone);
    try {
      this.#open(chat, hello);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      this.#tellError(error);
      const isFinal = error.code === "unauthenticated" || error.code === "forbidden";
      this.#close(isFinal ? closeCodes.refused : closeCodes.tooMuch);
    }
  }

  /** Errors: `unauthenticated`, `forbidden`, `agent_not_found`, `node_busy`, `account_unauthorized`. */
  #open({ account, declared, web }: ChatAccount, hello: Hello): void {
    const { conversations, clock, places } = this.#tools;
    const visitor = web.visitor({
      ...(hello.visitor !== undefined && { token: hello.visitor }),
      ...(hello.signed && { signed: hello.signed }),
    });
    const { ref } = requirePlace(places.of(account, visitor.id), visitor.id);
    if (!this.#tools.admit(this, visitor.id)) {
      throw new HoldfastError("node_busy", "The chat is open too many times.");
    }
    this.#declared = declared;
    const { title, colour, addresses } = web.settings;
    const conversation = historyName(ref);
    const known = hello.conversation === conversation ? hello.after : -1;
    const welcome = (after: number): Promise<void> =>
      this.#tell({
        type: "welcome",
        ...(visitor.token !== undefined && { visitor: visitor.token }),
        conversation,
        after,
        ...(title !== undefined && { title }),
        ...(colour !== undefined && { colour }),
        addresses,
      });
    void welcome(known);
    const receipts = new Receipts(visitor.id, () => answersUpTo(conversations, ref, known));
    const feed = new VisitorFeed({
      conversations,
      clock,
      ref,
      after: known,
      // Nobody has this token yet, so there is no conversation to read.
      isNew: visitor.token !== undefined && visitor.token !== hello.visitor,
      streams: account.streaming !== "off",
      html: (markdown) => htmlOf(web.render(markdown)),
      tell: (frame) => this.#tell(frame),
      overflow: () => this.cut(),
      report: (thrown) => this.#report(thrown, ref.conversation),
      beginAnew: () => welcome(-1),
      shown: (message) => receipts.shown(message),
    });
    for (const id of hello.pending) feed.await(messageIdOf(ref, account.name, id), id);
    this.#session = { visitor: visitor.id, ref, feed, receipts };
  }

  #take(session: Session, frame: Exclude<ClientFrame, Hello>): void {
    const now = this.#tools.clock.now();
    const { receipts } = session;
    if (frame.type === "ack") void this.#tellReceipts(receipts.delivered(frame.index, now));
    else if (frame.type === "read") void this.#tellReceipts(receipts.read(frame.index, now));
    else if (this.#waiting >= webchatLimits.sendsWaiting) {
      this.#tellError(tooFast(1_000), frame.id);
    } else {
      this.#waiting += 1;
      this.#sending = this.#sending.then(async () => {
        await this.#send(session, frame.id, frame.text);
        this.#waiting -= 1;
      });
    }
  }

  /** Errors: none; the browser is told. */
  async #send(session: Session, id: string, text: string): Promise<void> {
    const { visitor, ref, feed } = session;
    const chat = this.#chatAccount();
    if (!chat) return this.#close(closeCodes.gone);
    const message = messageIdOf(ref, chat.account.name, id);
    feed.await(message, id);
    try {
      const isAccepted = await acceptMessage(this.#tools, chat, { visitor, ref, id, text });
      if (!isAccepted) return this.#close(closeCodes.changed);
      await this.#tell({ type: "accepted", id });
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // What may have been accepted is sent again by the browser, and recognised.
      if (error.retry !== "unknown-outcome") feed.forget(message);
      this.#noteRefusal(error, chat);
      this.#tellError(error, id);
    }
  }

  /** What strangers are told is counted: it may hold a code, and they must not fill the log with it. */
  #noteRefusal(error: HoldfastError, { account }: ChatAccount): void {
    if (!publicCodes.has(error.code)) this.#report(error, "message");
    else if (error.retry === "never") {
      void this.#tools.channels.ingress.accept(account, [{ type: "ignored", what: error.code }]);
    }
  }

  /** Errors: none. */
  async #tellReceipts(told: Promise<readonly InboundEvent[]>): Promise<void> {
    try {
      const events = await told;
      const chat = this.#chatAccount();
      if (!chat || events.length === 0) return;
      await this.#tools.channels.ingress.accept(chat.account, events);
    } catch (thrown) {
      this.#report(thrown, "receipts");
    }
  }

  #chatAccount(): ChatAccount | undefined {
    const { organization, name } = this.account;
    return chatAccount(this.#tools.channels, organization, name);
  }

  #report(thrown: unknown, where: string): void {
    const error = toHoldfastError(thrown);
    if (error.retry === "never")
      this.#tools.report(error, `web chat ${this.account.name} ${where}`);
  }

  #badFrame(message: string): void {
    this.#tellError(new HoldfastError("invalid_request", message));
    this.#close(closeCodes.badFrame);
  }

  #tellError({ code, message, retry, retryAfterMs }: HoldfastError, id?: string): void {
    const after = retryAfterMs ?? (retry === "never" ? undefined : 1_000);
    void this.#tell({
      type: "error",
      ...(id !== undefined && { id }),
      code,
      message: publicCodes.has(code) ? message : "This does not work at the moment.",
      ...(after !== undefined && { retryAfterMs: after }),
    });
  }

  /** Resolves when the connection took it, or is no more. */
  #tell(frame: ServerFrame): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    return new Promise((resolve) => socket.send(JSON.stringify(frame), () => resolve()));
  }

  #close(code: number): void {
    this.#session?.feed.close();
    this.#socket.close(code);
  }
}

/** Errors whose words are meant for visitors; others may name what only operators should know. */
const publicCodes: ReadonlySet<string> = new Set([
  "agent_not_found",
  "forbidden",
  "invalid_request",
  "invalid_text",
  "node_busy",
  "rate_limited",
  "unauthenticated",
]);

/** The newest answers that a browser has whose newest message is this one; -1 for none. */
async function answersUpTo(
  conversations: Conversations,
  ref: ConversationRef,
  newest: number,
): Promise<readonly StoredMessage[]> {
  const answers: StoredMessage[] = [];
  for (let after = Math.max(-1, newest - webchatLimits.historyPage); after < newest; ) {
    const { messages } = await conversations.history(ref, { after, limit: newest - after });
    answers.push(...messages.filter(isAnswer));
    after = messages.at(-1)?.index ?? newest;
  }
  return answers;
}

function htmlOf(pieces: readonly { readonly body: unknown }[]): string {
  return pieces.map(({ body }) => (body as { html: string }).html).join("\n");
}
