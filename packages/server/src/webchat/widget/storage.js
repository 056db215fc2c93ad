const unsentMax = 50;

/** What the browser remembers of one chat; pages may forbid that, then it lasts as long as the page. */
export class Storage {
  #prefix;
  #page = new Map();

  constructor(name) {
    this.#prefix = `holdfast-chat:${name}:`;
  }

  get token() {
    return this.#get("visitor");
  }

  set token(value) {
    this.#set("visitor", value);
  }

  /** Own messages that were not seen in the history, the oldest first. Each has its own key: tabs share them. */
  get unsent() {
    const found = [];
    for (const key of this.#keys()) {
      try {
        const { id, text, at, isAccepted } = JSON.parse(this.#get(key));
        if (typeof id === "string" && typeof text === "string") {
          found.push({ id, text, at: Number(at) || 0, isAccepted: isAccepted === true });
        }
      } catch {
        this.#remove(key);
      }
    }
    return found.sort((one, other) => one.at - other.at).slice(-unsentMax);
  }

  keep({ id, text, at, isAccepted }) {
    this.#set(`out:${id}`, JSON.stringify({ id, text, at, isAccepted }));
  }

  drop(id) {
    this.#remove(`out:${id}`);
  }

  #keys() {
    const wanted = `${this.#prefix}out:`;
    let stored = [];
    try {
      stored = Object.keys(localStorage).filter((key) => key.startsWith(wanted));
    } catch {
      // The page keeps it.
    }
    const own = stored.map((key) => key.slice(this.#prefix.length));
    return new Set([...own, ...[...this.#page.keys()].filter((key) => key.startsWith("out:"))]);
  }

  #get(key) {
    try {
      const value = localStorage.getItem(this.#prefix + key);
      if (value !== null) return value;
    } catch {
      // The page keeps it.
    }
    return this.#page.get(key);
  }

  #set(key, value) {
    try {
      localStorage.setItem(this.#prefix + key, value);
    } catch {
      this.#page.set(key, value);
    }
  }

  #remove(key) {
    this.#page.delete(key);
    try {
      localStorage.removeItem(this.#prefix + key);
    } catch {
      // The page kept it.
    }
  }
}
