import type { ShownMessage } from "../fake-platform.ts";

/** What people see of the account, edits applied. */
export class Chats {
  readonly #shown = new Map<string, ShownMessage[]>();
  readonly #listeners = new Set<() => void>();

  show(chat: string, message: ShownMessage): void {
    const list = this.#shown.get(chat) ?? [];
    list.push(message);
    this.#shown.set(chat, list);
    this.#tell();
  }

  /** False when there is no such message. */
  edit(chat: string, platformId: string, text: string, raw: unknown): boolean {
    const list = this.#shown.get(chat) ?? [];
    const index = list.findIndex((message) => message.platformId === platformId);
    if (index === -1) return false;
    list[index] = { platformId, text, raw };
    this.#tell();
    return true;
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
