import type { ShownMessage } from "../fake-platform.ts";

/** What people see of the account. */
export class Chats {
  readonly #shown = new Map<string, ShownMessage[]>();
  readonly #listeners = new Set<() => void>();

  show(chat: string, message: ShownMessage): void {
    const list = this.#shown.get(chat) ?? [];
    list.push(message);
    this.#shown.set(chat, list);
    this.#tell();
  }

  shown(chat: string): readonly ShownMessage[] {
    return [...(this.#shown.get(chat) ?? [])];
  }

  onShown(listen: () => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  #tell(): void {
    for (const listen of this.#listeners) listen();
  }
}
