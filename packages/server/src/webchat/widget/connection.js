const connectMs = 8000;
/** The server says something every 20 s. */
export const silenceMs = 50000;
const retryMinMs = 300;
const retryMaxMs = 20000;
/** Codes of the server after which another try changes nothing. */
const finalCodes = new Set([4403, 4404]);

/** A WebSocket to one of several nodes, opened again, at the next one, whenever it breaks. */
export class Connection {
  #addresses;
  #path;
  #hello;
  #onFrame;
  #onState;
  #socket;
  #tries = 0;
  #retry;
  #watch;
  #isWanted = false;
  #at = 0;

  constructor({ addresses, path, hello, onFrame, onState }) {
    this.#addresses = [...addresses];
    this.#path = path;
    this.#hello = hello;
    this.#onFrame = onFrame;
    this.#onState = onState;
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#now();
    });
  }

  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#connect();
  }

  /** False when it is not open; then the caller sends again after the next welcome. */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** The server told of further nodes. */
  add(addresses) {
    for (const each of addresses) if (!this.#addresses.includes(each)) this.#addresses.push(each);
  }

  /** Says another hello. */
  again() {
    const old = this.#socket;
    this.#connect();
    old?.close();
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#onState("connecting");
    const address = this.#addresses[this.#at % this.#addresses.length];
    let socket;
    try {
      socket = new WebSocket(address.replace(/^http/, "ws") + this.#path);
    } catch {
      // The page's policy forbids this node; another may be allowed.
      return this.#later(0);
    }
    this.#socket = socket;
    this.#listenFor(connectMs);
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ type: "hello", ...this.#hello() }));
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listenFor(silenceMs);
      const frame = JSON.parse(data);
      if (frame.type === "live") {
        this.#tries = 0;
        this.#onState("open");
      }
      this.#onFrame(frame);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#later(code);
    });
  }

  /** A connection can be dead without saying so. */
  #listenFor(ms) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      const dead = this.#socket;
      this.#later(0);
      dead?.close();
    }, ms);
  }

  #later(code) {
    clearTimeout(this.#watch);
    this.#socket = undefined;
    if (finalCodes.has(code)) {
      this.#isWanted = false;
      return this.#onState("refused");
    }
    this.#onState("waiting");
    this.#at += 1;
    const bound = Math.min(retryMaxMs, retryMinMs * 2 ** this.#tries);
    this.#tries += 1;
    // Not all at once: whoever was at a node that died comes back at another moment.
    const ms = code === 4429 ? retryMaxMs / 2 : 0;
    this.#retry = setTimeout(() => this.#connect(), ms + bound * (0.3 + 0.7 * Math.random()));
  }

  #now() {
    if (this.#isWanted && this.#retry !== undefined) this.#connect();
  }
}
