import type { ShownMessage } from "../fake-platform.ts";

/** What stands in the chats, and who may be written to. */
export class People {
  readonly #shown = new Map<string, ShownMessage[]>();
  readonly #listeners = new Set<() => void>();
  readonly #wrote = new Set<string>();
  readonly #blocked = new Set<string>();

  wrote(chat: string): void {
    this.#wrote.add(chat);
  }

  block(chat: string): void {
    this.#blocked.add(chat);
  }

  /** As after 24 hours of silence. */
  closeWindow(chat: string): void {
    this.#wrote.delete(chat);
  }

  isBlocked(chat: string): boolean {
    return this.#blocked.has(chat);
  }

  hasOpenWindow(chat: string): boolean {
    return this.#wrote.has(chat);
  }

  show(chat: string, message: ShownMessage): void {
    const list = this.#shown.get(chat) ?? [];
    list.push(message);
    this.#shown.set(chat, list);
    for (const listen of this.#listeners) listen();
  }

  shown(chat: string): readonly ShownMessage[] {
    return [...(this.#shown.get(chat) ?? [])];
  }

  onShown(listen: () => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }
}
