import { icon, icons, make } from "./elements.js";
import { safeContent } from "./markup.js";
import { styles } from "./styles.js";

const newSectionMs = 10 * 60000;
const nearEndPixels = 80;
/** As in the styles. */
const wholeScreen = "(max-width: 520px)";

/** What the visitor sees: a button, the panel behind it, and the messages in there. */
export class View {
  #on;
  #root;
  #host;
  #launcher;
  #badge;
  #panel;
  #title;
  #state;
  #log;
  #input;
  #sendButton;
  #status;
  #stream;
  #streamText = "";
  #own = new Map();
  #unread = 0;
  #lastAt = 0;

  /** `on`: send(text), retry(id), seen(). */
  constructor(on, { title, colour, theme }) {
    this.#on = on;
    this.#host = make("div", { "data-theme": theme });
    this.#host.style.setProperty("all", "initial");
    this.#root = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    this.#root.adoptedStyleSheets = [sheet];
    this.#build(title);
    if (colour) this.colour(colour);
    document.body.append(this.#host);
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  title(text) {
    this.#title.textContent = text;
    this.#panel.setAttribute("aria-label", text);
  }

  colour(hex) {
    if (!/^#[0-9a-f]{6}$/i.test(hex)) return;
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    // Relative luminance, WCAG 2.2: black or white, whichever has the greater contrast.
    const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    this.#host.style.setProperty("--accent", hex);
    this.#host.style.setProperty("--on-accent", luminance > 0.179 ? "#111318" : "#ffffff");
  }

  state(state) {
    const words = {
      connecting: "Connecting…",
      waiting: "Connection lost. Trying again…",
      open: "Online",
      refused: "Closed",
    };
    this.#state.textContent = words[state];
    this.#panel.dataset.state = state;
    this.#input.disabled = state === "refused";
    this.#checkInput();
  }

  open() {
    this.#panel.hidden = false;
    this.#launcher.setAttribute("aria-expanded", "true");
    this.#launcher.setAttribute("aria-label", "Close chat");
    this.#host.dataset.open = "";
    this.#count(0);
    this.#toEnd();
    this.#input.focus();
    this.#on.seen();
  }

  close() {
    this.#panel.hidden = true;
    this.#launcher.setAttribute("aria-expanded", "false");
    this.#launcher.setAttribute("aria-label", "Open chat");
    delete this.#host.dataset.open;
    this.#launcher.focus();
  }

  /** A message that stands in the history. */
  message({ role, text, html, at, id }, isNew) {
    const own = this.#own.get(id);
    if (own) return this.#arrived(id, own);
    const isMine = role === "user";
    if (!isMine) this.endStream();
    const wasAtEnd = this.#isAtEnd();
    const content = isMine ? undefined : safeContent(html ?? "");
    const bubble = this.#bubble(isMine, content ?? text);
    this.#section(at);
    this.#beforeOwn(bubble);
    if (isNew && !isMine && !this.isOpen) this.#count(this.#unread + 1);
    if (wasAtEnd) this.#toEnd();
  }

  /** An own message stands in the history now: it keeps its place unless others came before it. */
  #arrived(id, bubble) {
    const [first] = this.#own.values();
    this.#own.delete(id);
    delete bubble.dataset.state;
    bubble.querySelector(".note")?.remove();
    if (bubble !== first) this.#beforeOwn(bubble);
  }

  /** An own message on its way. */
  own({ id, text, at }, state) {
    const known = this.#own.get(id);
    const bubble = known ?? this.#bubble(true, text);
    bubble.dataset.state = state;
    bubble.querySelector(".note")?.remove();
    const notes = { sending: "Sending…", sent: "Sent" };
    if (notes[state]) bubble.append(make("span", { class: "note" }, notes[state]));
    if (known) return;
    this.#section(at);
    this.#own.set(id, bubble);
    this.#log.append(bubble);
    this.#streamLast();
    this.#toEnd();
  }

  /** An own message that was refused, and why. */
  refused(id, reason) {
    const bubble = this.#own.get(id);
    if (!bubble) return this.notice(reason);
    bubble.dataset.state = "refused";
    bubble.querySelector(".note")?.remove();
    const again = make("button", { type: "button", class: "again" }, "Send again");
    again.addEventListener("click", () => this.#on.retry(id));
    bubble.append(make("span", { class: "note" }, `${reason} `, again));
    this.#toEnd();
  }

  /** An own message is written anew. */
  forget(id) {
    this.#own.get(id)?.remove();
    this.#own.delete(id);
  }

  notice(text) {
    // The same at every try would fill the chat.
    if (this.#log.querySelector(".notice:last-of-type")?.textContent === text) return;
    this.#beforeOwn(make("p", { class: "notice" }, text));
    this.#toEnd();
  }

  typing() {
    this.#streamText = "";
    this.#showStream(make("span", { class: "dots" }, make("i"), make("i"), make("i")));
    this.#status.textContent = "An answer is being written.";
  }

  delta(text) {
    this.#streamText += text;
    this.#showStream(this.#streamText);
  }

  endStream() {
    this.#stream?.remove();
    this.#stream = undefined;
    this.#streamText = "";
    this.#status.textContent = "";
  }

  /** The conversation begins anew. */
  clear() {
    this.endStream();
    this.#log.replaceChildren(...this.#own.values());
    this.#lastAt = 0;
  }

  #build(title) {
    this.#badge = make("span", { class: "badge", hidden: "" });
    this.#launcher = make(
      "button",
      { type: "button", class: "launcher", "aria-expanded": "false", "aria-controls": "panel" },
      icon(icons.chat, true),
      icon(icons.close),
      this.#badge,
    );
    this.#launcher.setAttribute("aria-label", "Open chat");
    this.#title = make("h2", {});
    this.#state = make("p", { class: "state", role: "status" });
    const close = make("button", { type: "button", class: "close", "aria-label": "Close chat" });
    close.append(icon(icons.close));
    const names = make("div", { class: "names" }, this.#title, this.#state);
    const avatar = make("span", { class: "avatar", "aria-hidden": "true" }, icon(icons.chat, true));
    const header = make("header", {}, avatar, names, close);
    this.#log = make("div", {
      class: "log",
      role: "log",
      "aria-live": "polite",
      "aria-relevant": "additions",
      "aria-label": "Messages",
      tabindex: "0",
    });
    this.#status = make("p", { class: "hidden", role: "status" });
    this.#input = make("textarea", {
      id: "text",
      rows: "1",
      maxlength: "16000",
      placeholder: "Write a message…",
      enterkeyhint: "send",
    });
    this.#sendButton = make("button", { type: "submit", class: "send", "aria-label": "Send" });
    this.#sendButton.append(icon(icons.send));
    const label = make("label", { for: "text", class: "hidden" }, "Message");
    const form = make("form", {}, label, this.#input, this.#sendButton);
    this.#panel = make("section", { id: "panel", class: "panel", role: "dialog", hidden: "" });
    this.#panel.append(header, this.#log, this.#status, form);
    this.#root.append(this.#panel, this.#launcher);
    this.title(title);
    this.#listen(form, close);
    this.#checkInput();
  }

  #listen(form, close) {
    this.#launcher.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    close.addEventListener("click", () => this.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => this.#checkInput());
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    for (const change of ["resize", "scroll"]) {
      globalThis.visualViewport?.addEventListener(change, () => this.#fitScreen());
    }
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      if (event.key === "Tab" && matchMedia(wholeScreen).matches) this.#turn(event);
      // Shortcuts of the page are not meant for what is written here.
      event.stopPropagation();
    });
  }

  /** Where the panel covers the page, the focus stays in it. */
  #turn(event) {
    const all = this.#panel.querySelectorAll(
      "button:not(:disabled), textarea:not(:disabled), a[href], [tabindex]",
    );
    const [first, last] = [all[0], all[all.length - 1]];
    const end = event.shiftKey ? first : last;
    if (this.#root.activeElement !== end) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }

  /** A keyboard on the screen covers what is fixed to its lower end, and says so only here. */
  #fitScreen() {
    const { height, offsetTop } = visualViewport;
    this.#host.style.setProperty("--height", `${height}px`);
    this.#host.style.setProperty("--top", `${offsetTop}px`);
  }

  #submit() {
    const text = this.#input.value.trim();
    if (text === "" || this.#input.disabled) return;
    this.#input.value = "";
    this.#checkInput();
    this.#on.send(text);
  }

  #checkInput() {
    this.#sendButton.disabled = this.#input.disabled || this.#input.value.trim() === "";
    this.#input.style.setProperty("height", "auto");
    const height = Math.min(this.#input.scrollHeight, 140);
    if (height > 0) this.#input.style.setProperty("height", `${height}px`);
  }

  #bubble(isMine, content) {
    const body = make("div", { class: "body" }, content);
    const name = make("span", { class: "hidden" }, isMine ? "You: " : "Assistant: ");
    return make("div", { class: isMine ? "message mine" : "message" }, name, body);
  }

  #showStream(content) {
    const wasAtEnd = this.#isAtEnd();
    // Read aloud once it is whole, not word by word.
    this.#stream ??= make("div", { class: "message stream", "aria-hidden": "true" });
    this.#stream.replaceChildren(make("div", { class: "body" }, content));
    this.#streamLast();
    if (wasAtEnd) this.#toEnd();
  }

  #streamLast() {
    // Moved without need it would appear anew.
    if (this.#stream && this.#log.lastChild !== this.#stream) this.#log.append(this.#stream);
  }

  /** What stands in the history comes before what is on its way. */
  #beforeOwn(element) {
    const [first] = this.#own.values();
    this.#log.insertBefore(element, first ?? this.#stream ?? null);
  }

  #section(at) {
    if (at - this.#lastAt > newSectionMs) {
      const date = new Date(at);
      const isToday = date.toDateString() === new Date().toDateString();
      const day = isToday ? {} : { weekday: "short", day: "numeric", month: "short" };
      const text = date.toLocaleString(undefined, { ...day, hour: "2-digit", minute: "2-digit" });
      this.#beforeOwn(make("time", { datetime: date.toISOString() }, text));
    }
    this.#lastAt = Math.max(at, this.#lastAt);
  }

  #count(unread) {
    this.#unread = unread;
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 9 ? "9+" : String(unread);
    if (unread > 0) this.#launcher.setAttribute("aria-label", `Open chat, ${unread} unread`);
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < nearEndPixels;
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}
