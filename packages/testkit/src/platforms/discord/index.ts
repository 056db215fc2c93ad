import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { FakePlatform, PersonMessage } from "../fake-platform.ts";
import { refusal } from "./answers.ts";
import { createCommands, interactionData, type SignedHeaders } from "./commands.ts";
import { createGatewayServer } from "./gateway-server.ts";
import { createRestServer, roleOf } from "./rest-server.ts";
import { expireOriginals } from "./webhooks.ts";
import {
  createWorld,
  type FakeChannel,
  type FakeDiscordOptions,
  type FakeMessage,
  type World,
  withoutMarkup,
} from "./world.ts";

export type { FakeDiscordOptions } from "./world.ts";

const textChannel = 0;
const directChannel = 1;
const publicThread = 11;
const base = "/api/v10";
const tokenVariable = "FAKE_DISCORD_TOKEN";
const unknownEventEvery = 5;
const heartbeatMs = 500;

export interface FakeDiscord extends FakePlatform {
  /** The ids that the platform gave to what tests name in words. */
  readonly ids: {
    channel(chat: string): string;
    user(name: string): string;
    readonly bot: string;
    readonly guild: string;
    readonly role: string;
    readonly application: string;
  };
  readonly apiUrl: string;
  /** Opens a thread under a group chat; `chat` is its name from now on. */
  openThread(chat: string, under: string): void;
  /** A message with whatever Discord may put into one. */
  post(message: PersonMessage, fields: Record<string, unknown>): void;
  /** Any dispatch to all sessions. */
  dispatch(type: string, data: unknown): void;
  /** Cuts all sockets; sessions can be resumed. */
  cut(): void;
  askReconnect(): void;
  forgetSessions(): void;
  /** Cuts all sockets and takes none, until it is called with false. */
  takeGatewayAway(isAway: boolean): void;
  /** The server is away as a whole while the rest of Discord works, until it is called with false. */
  takeServerAway(isAway: boolean): void;
  /** The bot may write there, but not read what was written before. */
  hideHistory(chat: string): void;
  /** The bot's next message is refused with this. */
  refuseNext(status: number, code: number): void;
  /** As when the developer portal's switches are off. */
  refuseIntents(intents: number): void;
  /** Sockets with a session. */
  connections(): number;
  /** Signs a body as Discord would at that time. */
  signed(body: string, timeMs?: number): SignedHeaders;
  /** The body of a slash command that a person calls. */
  command(message: PersonMessage, token: string): Record<string, unknown>;
  /** The waiting answers of slash commands can be filled no longer. */
  expireCommands(): void;
}

/** A Discord with one bot, one server and as many chats as tests name. */
export async function startFakeDiscord(options: FakeDiscordOptions = {}): Promise<FakeDiscord> {
  const world = createWorld(options);
  const commands = createCommands(world);
  const gateway = createGatewayServer(world, {
    heartbeatMs: options.heartbeatMs ?? heartbeatMs,
    channelTypes: options.channelTypes ?? true,
  });
  let gatewayUrl = "";
  let isByCommand = false;
  let saidCount = 0;
  const rest = createRestServer(world, {
    base,
    publicKey: commands.publicKey,
    gatewayUrl: () => gatewayUrl,
  });
  const server = createServer(rest);
  server.on("upgrade", (request, socket, head) => gateway.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const apiUrl = `http://127.0.0.1:${port}${base}`;
  gatewayUrl = `ws://127.0.0.1:${port}/gateway`;
  gateway.setUrl(gatewayUrl);
  world.onOwnMessage = (message) => gateway.message(message);
  world.onFetched = (messages) => gateway.fetched(messages);

  const channelOf = (message: PersonMessage): FakeChannel => {
    const found = world.find(message.chat);
    if (found !== undefined) return found;
    const type = message.kind === "group" ? textChannel : directChannel;
    const channel = world.addChannel(message.chat, type);
    gateway.channelCreated(channel);
    return channel;
  };
  const post = (message: PersonMessage, fields: Record<string, unknown>) => {
    const channel = channelOf(message);
    const written = personMessage(world, message, channel, fields);
    channel.messages.push(written);
    saidCount += 1;
    if (saidCount % unknownEventEvery === 0) {
      world.count("unknownEvent");
      gateway.putAll("SOMETHING_OF_THE_FUTURE", { id: world.nextId() });
    }
    gateway.message(written);
  };

  return {
    kind: "discord",
    apiUrl,
    account(mode) {
      isByCommand = mode === "webhook";
      const { applicationId } = world;
      const interactions = { applicationId, publicKey: commands.publicKey };
      return {
        settings: {
          token: { fromEnv: tokenVariable },
          apiUrl,
          ...(isByCommand ? { gateway: false, interactions } : {}),
        },
        env: { [tokenVariable]: world.token },
      };
    },
    deliverTo: (urls, ca) => commands.deliverTo(urls, ca),
    say(message) {
      if (isByCommand) commands.call(message, channelOf(message));
      else post(message, {});
    },
    shown: (chat) =>
      world.shownIn(chat).map(({ id, data }) => ({
        platformId: id,
        text: withoutMarkup(data.content),
        raw: data["raw"],
      })),
    onShown: (listen) => world.onShown(listen),
    settled: () => world.settled(),
    violations: world.violations,
    counts: world.counts,
    get faults() {
      return world.faults;
    },
    set faults(faults) {
      world.faults = faults;
    },
    revoke(isRevoked) {
      world.isRevoked = isRevoked;
      if (isRevoked) gateway.closeAll(4004);
    },
    block(chat) {
      const channel = world.find(chat);
      if (channel !== undefined) channel.blocked = true;
    },
    async close() {
      commands.close();
      gateway.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },

    ids: {
      channel: (chat) => world.find(chat)?.id ?? "",
      user: (name) => world.userId(name),
      bot: world.botId,
      guild: world.guildId,
      role: roleOf(world),
      application: world.applicationId,
    },
    openThread(chat, under) {
      const parent = channelOf({ chat: under, kind: "group", text: "" });
      gateway.channelCreated(world.addChannel(chat, publicThread, parent.id));
    },
    post,
    dispatch: (type, data) => gateway.putAll(type, data),
    cut: () => gateway.cut(),
    askReconnect: () => gateway.askReconnect(),
    forgetSessions: () => gateway.forgetSessions(),
    takeGatewayAway: (isAway) => gateway.takeGatewayAway(isAway),
    takeServerAway: (isAway) => gateway.takeServerAway(isAway),
    hideHistory(chat) {
      const channel = world.find(chat);
      if (channel !== undefined) channel.isHistoryHidden = true;
    },
    refuseNext: (status, code) => void world.refusals.push(refusal(status, code, "Refused.")),
    refuseIntents(intents) {
      world.disallowedIntents = intents;
    },
    connections: gateway.connections,
    signed: commands.signed,
    command: (message, token) => interactionData(world, message, channelOf(message), token),
    expireCommands: () => expireOriginals(world),
  };
}

function personMessage(
  world: World,
  message: PersonMessage,
  channel: FakeChannel,
  fields: Record<string, unknown>,
): FakeMessage {
  const id = world.nextId();
  const isNamed = message.mentionsAccount === true;
  const bot = { id: world.botId, username: "holdfast-bot", bot: true };
  return {
    id,
    channel,
    member: { nick: null, roles: [roleOf(world)], joined_at: new Date(0).toISOString() },
    isAcknowledged: false,
    data: {
      id,
      channel_id: channel.id,
      type: 0,
      content: isNamed ? `<@${world.botId}> ${message.text}` : message.text,
      author: world.author(message),
      timestamp: new Date().toISOString(),
      edited_timestamp: null,
      mentions: isNamed ? [bot] : [],
      attachments: [],
      embeds: [],
      flags: 0,
      ...fields,
    },
  };
}
