import {
  type Clock,
  conversationKey,
  type Channels,
  type Conversations,
  HoldfastError,
  type InboundEvent,
  toHoldfastError,
} from "@holdfast/core";
import type { RawData, WebSocket } from "ws";
import { AddressBuckets } from "../http/token-bucket.ts";
import { type ClientFrame, closeCodes, type Hello, readFrame, type ServerFrame } from "./frames.ts";
import { webchatLimits } from "./limits.ts";
import { messageIdOf, type Places, visitorAddress, type VisitorPlace } from "./place.ts";
import { Receipts } from "./receipts.ts";
import { VisitorFeed } from "./visitor-feed.ts";
import { type ChatAccount, chatAccount } from "./web-account.ts";

export interface ChatTools {
  readonly channels: Channels;
  readonly conversations: Conversations;
  readonly places: Places;
  readonly clock: Clock;
  /** Counts messages by visitor. */
  readonly sends: AddressBuckets;
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
  readonly place: VisitorPlace;
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
  #declared: ChatAccount["account"] | undefined;
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
    else if (JSON.stringify(now.account) !== JSON.stringify(this.#declared)) {
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
  #open({ account, web }: ChatAccount, hello: Hello): void {
    const { conversations, clock, places } = this.#tools;
    const visitor = web.visitor({
      ...(hello.visitor !== undefined && { token: hello.visitor }),
      ...(hello.signed && { signed: hello.signed }),
    });
    const place = requirePlace(places.of(account, visitor.id));
    if (place.access === "refuse") throw notAllowed(visitor.id);
    if (!this.#tools.admit(this, visitor.id)) {
      throw new HoldfastError("node_busy", "The chat is open too many times.");
    }
    this.#declared = account;
    const { ref } = place;
    const { title, colour, addresses } = web.settings;
    const isSame = hello.conversation === ref.conversation;
    const known = isSame ? hello.after : -1;
    void this.#tell({
      type: "welcome",
      ...(visitor.token !== undefined && { visitor: visitor.token }),
      conversation: ref.conversation,
      after: known,
      ...(title !== undefined && { title }),
      ...(colour !== undefined && { colour }),
      addresses,
    });
    const receipts = new Receipts(visitor.id);
    const feed = new VisitorFeed({
      conversations,
      clock,
      ref,
      after: known,
      streams: account.streaming !== "off",
      html: (markdown) => htmlOf(web.render(markdown)),
      tell: (frame) => this.#tell(frame),
      overflow: () => this.cut(),
      report: (thrown) => this.#report(thrown, ref.conversation),
      shown: (message) => receipts.shown(message),
    });
    for (const id of hello.pending) feed.await(messageIdOf(ref, account.name, id), id);
    this.#session = { visitor: visitor.id, place, feed, receipts };
  }

  #take(session: Session, frame: Exclude<ClientFrame, Hello>): void {
    const now = this.#tools.clock.now();
    if (frame.type === "ack") this.#tellReceipts(session.receipts.delivered(frame.index, now));
    else if (frame.type === "read") this.#tellReceipts(session.receipts.read(frame.index, now));
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
    const { visitor, place, feed } = session;
    const chat = this.#chatAccount();
    if (!chat) return this.#close(closeCodes.gone);
    const { account } = chat;
    const message = messageIdOf(place.ref, account.name, id);
    try {
      const waitMs = this.#tools.sends.take(conversationKey(place.ref));
      if (waitMs > 0) throw tooFast(waitMs);
      const current = requirePlace(this.#tools.places.of(account, visitor));
      if (conversationKey(current.ref) !== conversationKey(place.ref)) {
        return this.#close(closeCodes.changed);
      }
      if (current.access === "refuse") throw notAllowed(visitor);
      const event: InboundEvent = {
        type: "message",
        eventId: id,
        messageId: id,
        ...visitorAddress(visitor),
        text,
        mentionsAccount: true,
        media: [],
        sentAt: this.#tools.clock.now(),
      };
      if (current.access === "pair") await this.#requirePaired(account, event);
      feed.await(message, id);
      await this.#tools.channels.ingress.accept(account, [event]);
      await this.#tell({ type: "accepted", id });
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // What may have been accepted is sent again by the browser, and recognised.
      if (error.retry !== "unknown-outcome") feed.forget(message);
      if (error.code === "internal") this.#report(error, "chat");
      this.#tellError(error, id);
    }
  }

  /** Errors: `forbidden`, which tells the person the code; those of the pairing. */
  async #requirePaired(account: ChatAccount["account"], event: InboundEvent): Promise<void> {
    if (event.type !== "message") return;
    const asked = await this.#tools.channels.pairing.request(account, event);
    if (asked.result === "paired") return;
    const problem =
      asked.result === "code"
        ? `This assistant does not know you yet. Give its operator this code, and then send your message again: ${asked.code}`
        : "This assistant does not know you yet, and too many people wait to be let in. Try again later.";
    throw new HoldfastError("forbidden", problem);
  }

  #tellReceipts(events: readonly InboundEvent[]): void {
    const chat = this.#chatAccount();
    if (!chat || events.length === 0) return;
    this.#tools.channels.ingress
      .accept(chat.account, events)
      .catch((thrown: unknown) => this.#report(thrown, "receipts"));
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
      message: code === "internal" ? "Something went wrong." : message,
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

function htmlOf(pieces: readonly { readonly body: unknown }[]): string {
  return pieces.map(({ body }) => (body as { html: string }).html).join("\n");
}

function requirePlace(place: VisitorPlace | undefined): VisitorPlace {
  if (place) return place;
  throw new HoldfastError("agent_not_found", "Nobody answers here at the moment.");
}

function notAllowed(visitor: string): HoldfastError {
  const problem = `This chat is only for people whom its operator has let in. You are known here as ${visitor}.`;
  return new HoldfastError("forbidden", problem);
}

function tooFast(retryAfterMs: number): HoldfastError {
  return new HoldfastError("rate_limited", "That was too fast: wait a moment.", { retryAfterMs });
}
