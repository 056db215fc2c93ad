import type { ShownMessage } from "../fake-platform.ts";

export interface FakeChat {
  readonly name: string;
  readonly kind: "direct" | "group";
  id: number;
  isBlocked: boolean;
  /** The id of the group that it was before it became a supergroup. */
  formerId: number | undefined;
  readonly shown: ShownMessage[];
  /** Of what people wrote there. */
  readonly messageIds: Set<number>;
}

export interface Chats {
  /** By the test's name of it; made when it is new. */
  named(name: string, kind?: "direct" | "group"): FakeChat;
  known(name: string): FakeChat | undefined;
  byId(id: number): FakeChat | undefined;
  /** By the id that a group had before. */
  byFormerId(id: number): FakeChat | undefined;
  /** A person, also of no chat. */
  personId(name: string): number;
}

/** People's ids are theirs in every chat, and their direct chat has the same one, as at Telegram. */
export function createChats(): Chats {
  const chats = new Map<string, FakeChat>();
  const people = new Map<string, number>();

  const personId = (name: string) => {
    if (/^\d+$/.test(name)) return Number(name);
    const id = people.get(name) ?? 700_000_001 + people.size;
    people.set(name, id);
    return id;
  };
  const groupId = (name: string) =>
    /^-\d+$/.test(name) ? Number(name) : -(1_000_000_001 + chats.size);
  const all = () => [...chats.values()];

  return {
    personId,
    named(name, kind = "direct") {
      const known = chats.get(name);
      if (known) return known;
      const chat: FakeChat = {
        name,
        kind,
        id: kind === "direct" ? personId(name) : groupId(name),
        isBlocked: false,
        formerId: undefined,
        shown: [],
        messageIds: new Set(),
      };
      chats.set(name, chat);
      return chat;
    },
    known: (name) => chats.get(name),
    byId: (id) => all().find((chat) => chat.id === id),
    byFormerId: (id) => all().find((chat) => chat.formerId === id),
  };
}
