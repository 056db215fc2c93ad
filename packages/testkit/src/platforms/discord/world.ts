import { createSeededRandom } from "../../seeded-random.ts";
import {
  type FakePlatformOptions,
  type FaultRates,
  type PersonMessage,
  senderOf,
} from "../fake-platform.ts";
import type { FakeAnswer } from "./answers.ts";

/** The intent for the text of all messages. */
export const messageContent = 1 << 15;
const discordEpochMs = 1_420_070_400_000;

export interface FakeDiscordOptions extends FakePlatformOptions {
  /** How often clients have to send heartbeats; what they acknowledge is known this often. */
  readonly heartbeatMs?: number;
  /** Whether messages say what kind of channel they are in, as they mostly do. */
  readonly channelTypes?: boolean;
}

export interface FakeChannel {
  readonly id: string;
  readonly name: string;
  /** 0 text in the guild, 1 direct, 11 thread. */
  readonly type: number;
  readonly parentId?: string;
  readonly messages: FakeMessage[];
  blocked: boolean;
  /** The bot may not read what was written before. */
  isHistoryHidden: boolean;
}

export interface FakeMessage {
  readonly id: string;
  readonly channel: FakeChannel;
  /** As the API shows it, without the fields that only the gateway adds. */
  readonly data: Record<string, unknown> & { content: string };
  /** What the gateway adds. */
  readonly member?: object;
  isAcknowledged: boolean;
}

/** All that Discord knows here, and what was found wrong with the client. */
export type World = ReturnType<typeof createWorld>;

export function createWorld(options: FakeDiscordOptions) {
  const random = createSeededRandom(options.seed ?? 1);
  const channels = new Map<string, FakeChannel>();
  const byName = new Map<string, FakeChannel>();
  const users = new Map<string, string>();
  const shown = new Map<string, FakeMessage[]>();
  const listeners = new Set<() => void>();
  const counts: Record<string, number> = {};
  const violations: string[] = [];
  const waiters: (() => void)[] = [];
  let lastId = 0n;

  const nextId = () => {
    const now = BigInt(Date.now() - discordEpochMs) << 22n;
    lastId = now > lastId ? now : lastId + 1n;
    return lastId.toString();
  };

  const world = {
    token: `fake.${random.token(40)}`,
    applicationId: nextId(),
    botId: nextId(),
    guildId: nextId(),
    speed: options.speed ?? 1,
    faults: options.faults ?? {},
    isRevoked: false,
    /** What the developer portal's switches do not allow. */
    disallowedIntents: 0,
    /** Instead of the next messages of the bot. */
    refusals: [] as FakeAnswer[],
    /** Slash commands that no node has acknowledged. */
    openCommands: 0,
    /** The gateway tells of the bot's own messages, too. */
    onOwnMessage: (_message: FakeMessage): void => {},
    /** A client has read them from the chat's history. */
    onFetched: (_messages: readonly FakeMessage[]): void => {},
    channels,
    counts,
    violations,
    random,
    nextId,

    count(what: string) {
      counts[what] = (counts[what] ?? 0) + 1;
    },
    violate(what: string) {
      violations.push(what);
    },
    /** Whether the fault strikes now; it is counted when it does. */
    strikes(fault: keyof FaultRates): boolean {
      const rate = world.faults[fault] ?? 0;
      if (rate === 0 || random.next() >= rate) return false;
      world.count(fault);
      return true;
    },

    userId(name: string): string {
      const id = users.get(name) ?? nextId();
      users.set(name, id);
      return id;
    },
    find: (chat: string) => byName.get(chat) ?? channels.get(chat),
    addChannel(name: string, type: number, parentId?: string): FakeChannel {
      const channel: FakeChannel = {
        id: nextId(),
        name,
        type,
        ...(parentId === undefined ? {} : { parentId }),
        messages: [],
        blocked: false,
        isHistoryHidden: false,
      };
      channels.set(channel.id, channel);
      byName.set(name, channel);
      return channel;
    },

    author(message: PersonMessage) {
      const name = senderOf(message);
      return {
        id: world.userId(name),
        username: name,
        global_name: message.senderName ?? null,
        discriminator: "0",
        avatar: null,
        ...(message.isBot === true ? { bot: true } : {}),
      };
    },

    show(message: FakeMessage) {
      const list = shown.get(message.channel.id) ?? [];
      if (!list.includes(message)) list.push(message);
      shown.set(message.channel.id, list);
      for (const listen of listeners) listen();
    },
    shownIn: (chat: string) => shown.get(world.find(chat)?.id ?? "") ?? [],
    onShown(listen: () => void) {
      listeners.add(listen);
      return () => void listeners.delete(listen);
    },

    acknowledge(message: FakeMessage) {
      message.isAcknowledged = true;
      world.checkSettled();
    },
    isSettled: () =>
      world.openCommands === 0 &&
      [...channels.values()].every(({ messages }) => messages.every((one) => one.isAcknowledged)),
    checkSettled() {
      if (waiters.length > 0 && world.isSettled()) for (const wake of waiters.splice(0)) wake();
    },
    async settled() {
      if (world.isSettled()) return;
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
    },
  };
  return world;
}

export function channelData(world: World, channel: FakeChannel): Record<string, unknown> {
  return {
    id: channel.id,
    type: channel.type,
    last_message_id: channel.messages.at(-1)?.id ?? null,
    ...(channel.type === 1 ? {} : { guild_id: world.guildId, name: channel.name }),
    ...(channel.parentId === undefined ? {} : { parent_id: channel.parentId }),
  };
}

/** Without the signs of Discord's Markdown. */
export function withoutMarkup(content: string): string {
  return content
    .replaceAll(/(?<!\\)(\*\*|__|~~|\|\||[*_`])/g, "")
    .replaceAll(/\\([\\*_~`>|#\-[\]().@])/g, "$1");
}
