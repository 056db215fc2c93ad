import { Connection, silenceMs } from "./connection.js";
import { Storage } from "./storage.js";
import { View } from "./view.js";

/** The script's own element says which chat it is: /chat/ORGANIZATION/ACCOUNT/widget.js at one of the nodes. */
const script = document.currentScript;
const here = new URL(script.src);
const path = here.pathname.replace(/\/widget\.js$/, "");
const chat = path.split("/").slice(-2).join("/");
const { title, colour, theme = "auto", nodes = "", open } = script.dataset;
const { visitorId, visitorExpires, visitorSignature } = script.dataset;
const further = nodes.split(/[\s,]+/).filter((each) => /^https?:\/\/[^/]+$/.test(each));

/** Messages that come closer together are told of with one frame. */
const tellMs = 200;

/** What the page shows, what the server knows of it, and what lies between. */
class Chat {
  #storage = new Storage(chat);
  #view;
  #connection;
  #conversation;
  #last = -1;
  #wasLive = false;
  #isWelcome = false;
  /** Own messages that were not seen in the history, in the order in which they were written. */
  #unsent = new Map();
  /** Those of them that were refused: only the visitor sends them again. */
  #refused = new Map();
  /** The newest messages of which the server was told that they arrived, and that they were seen. */
  #told = { ack: -1, read: -1 };
  #toldAt = 0;
  #telling;
  /** The token that the server knows this tab by. */
  #visitor;
  /** The own message that the server was given and has not taken. */
  #sending;

  constructor() {
    const on = {
      send: (text) => this.#write(text),
      retry: (id) => this.#again(id),
      seen: () => this.#opened(),
    };
    this.#view = new View(on, { title: title ?? "Chat", colour, theme });
    this.#connection = new Connection({
      addresses: [...new Set([here.origin, ...further])],
      path: `${path}/ws`,
      hello: () => this.#hello(),
      onFrame: (frame) => this.#take(frame),
      onState: (state) => this.#state(state),
    });
    for (const message of this.#storage.unsent) {
      this.#unsent.set(message.id, message);
      this.#view.own(message, message.isAccepted ? "sent" : "sending");
    }
    document.addEventListener("visibilitychange", () => this.#tellSeen());
    addEventListener("storage", () => this.#checkVisitor());
    // Who never wrote costs nobody a connection before the chat is opened.
    if (this.#storage.token !== undefined || visitorId !== undefined) this.#connection.open();
    if (open !== undefined) this.#view.open();
  }

  #opened() {
    this.#connection.open();
    this.#tellSeen();
  }

  #hello() {
    this.#isWelcome = false;
    const visitor = this.#storage.token;
    this.#visitor = visitor;
    const signed = visitorId !== undefined && {
      signed: {
        id: visitorId,
        expires: Number(visitorExpires),
        signature: String(visitorSignature),
      },
    };
    return {
      ...(visitor !== undefined && { visitor }),
      ...signed,
      ...(this.#conversation !== undefined && { conversation: this.#conversation }),
      after: this.#last,
      pending: [...this.#unsent.keys()].slice(-50),
    };
  }

  #state(state) {
    if (state === "open") this.#wasLive = true;
    if (state === "waiting") {
      this.#isWelcome = false;
      this.#view.endStream();
      // What a dead line took did not arrive.
      if (Date.now() - this.#toldAt < silenceMs) this.#told = { ack: -1, read: -1 };
    }
    this.#view.state(state);
  }

  #take(frame) {
    switch (frame.type) {
      case "welcome":
        return this.#welcome(frame);
      case "live":
        return this.#tellSeen();
      case "message":
        return this.#message(frame);
      case "accepted":
        return this.#accepted(frame.id);
      case "typing":
        return this.#view.typing();
      case "delta":
        return this.#view.delta(frame.text);
      case "failed":
        return this.#failed(frame);
      case "error":
        return this.#error(frame);
      default:
        // What newer servers say beyond this.
        return undefined;
    }
  }

  #welcome({ visitor, conversation, after, title: named, colour: painted, addresses }) {
    if (visitor !== undefined && !this.#become(visitor)) return;
    this.#conversation = conversation;
    if (after < this.#last) {
      this.#last = after;
      this.#told = { ack: -1, read: -1 };
      this.#view.clear();
    }
    if (named !== undefined && title === undefined) this.#view.title(named);
    if (painted !== undefined && colour === undefined) this.#view.colour(painted);
    this.#connection.add(addresses);
    this.#isWelcome = true;
    this.#sending = undefined;
    this.#sendNext();
  }

  /** False when another tab was given a token since the hello: both are that visitor. */
  #become(visitor) {
    const kept = this.#storage.token;
    if (kept !== undefined && kept !== this.#visitor && kept !== visitor) {
      this.#connection.again();
      return false;
    }
    this.#visitor = visitor;
    this.#storage.token = visitor;
    return true;
  }

  /** Two tabs that were given tokens at the same moment know only now which one is kept. */
  #checkVisitor() {
    const kept = this.#storage.token;
    if (!this.#isWelcome || kept === undefined || kept === this.#visitor) return;
    this.#isWelcome = false;
    this.#connection.again();
  }

  #message(message) {
    if (message.index <= this.#last) return;
    this.#last = message.index;
    if (message.id !== undefined) {
      this.#unsent.delete(message.id);
      this.#refused.delete(message.id);
      this.#storage.drop(message.id);
      this.#sent(message.id);
    }
    this.#view.message(message, this.#wasLive);
    this.#tellSeen();
  }

  #write(text) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#queue({ id, text, at: Date.now(), isAccepted: false });
  }

  #queue(message) {
    this.#unsent.set(message.id, message);
    this.#storage.keep(message);
    this.#view.own(message, "sending");
    this.#connection.open();
    this.#sendNext();
  }

  /** One after the other: what has to wait must not be overtaken. Before the welcome it is too early. */
  #sendNext() {
    if (!this.#isWelcome || this.#sending !== undefined) return;
    for (const { id, text, isAccepted } of this.#unsent.values()) {
      if (isAccepted) continue;
      this.#sending = id;
      this.#connection.send({ type: "send", id, text });
      return;
    }
  }

  #sent(id) {
    if (this.#sending !== id) return;
    this.#sending = undefined;
    this.#sendNext();
  }

  #again(id) {
    const message = this.#refused.get(id);
    this.#refused.delete(id);
    if (!message?.isAccepted) {
      if (message) this.#queue(message);
      return;
    }
    // The server remembers what it accepted: the same words again are another message.
    this.#view.forget(id);
    this.#write(message.text);
  }

  #accepted(id) {
    const message = this.#unsent.get(id);
    if (message) {
      message.isAccepted = true;
      this.#storage.keep(message);
      this.#view.own(message, "sent");
    }
    this.#sent(id);
  }

  #failed({ ids, final }) {
    this.#view.endStream();
    if (!final) return;
    for (const id of ids) this.#refuse(id, "There was no answer to this.");
  }

  #error({ id, message, retryAfterMs }) {
    if (id === undefined) return this.#view.notice(message);
    if (retryAfterMs === undefined) {
      this.#refuse(id, message);
      return this.#sent(id);
    }
    setTimeout(() => this.#sent(id), retryAfterMs);
    return undefined;
  }

  #refuse(id, reason) {
    const message = this.#unsent.get(id);
    if (!message) return;
    this.#unsent.delete(id);
    this.#storage.drop(id);
    this.#refused.set(id, message);
    this.#view.refused(id, reason);
  }

  /** Tells that answers arrived, or that they were seen: once for many, as frames are counted. */
  #tellSeen() {
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.#tellNow();
    }, tellMs);
  }

  #tellNow() {
    const isSeen = this.#view.isOpen && document.visibilityState === "visible";
    const type = isSeen ? "read" : "ack";
    if (!this.#isWelcome || this.#last <= this.#told[type]) return;
    if (!this.#connection.send({ type, index: this.#last })) return;
    this.#toldAt = Date.now();
    this.#told.ack = this.#last;
    if (isSeen) this.#told.read = this.#last;
  }
}

const begin = () => new Chat();
if (document.body) begin();
else document.addEventListener("DOMContentLoaded", begin, { once: true });
