import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import {
  channelData,
  type FakeChannel,
  type FakeMessage,
  messageContent,
  type World,
} from "./world.ts";

/** What a disconnected session keeps for its resumption. */
const replayMax = 2_000;
const op = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
};

interface Sent {
  readonly seq: number;
  readonly type: string;
  readonly data: unknown;
  /** What the client has taken when it acknowledges this. */
  readonly messages: FakeMessage[];
}

interface FakeSession {
  readonly id: string;
  readonly intents: number;
  seq: number;
  readonly sent: Sent[];
  socket: WebSocket | undefined;
}

/** Sessions, their sequence numbers and their resumption, as Discord's documentation of the gateway tells. */
export function createGatewayServer(
  world: World,
  options: { readonly heartbeatMs: number; readonly channelTypes: boolean },
) {
  const server = new WebSocketServer({ noServer: true });
  const sessions = new Map<string, FakeSession>();
  let url = "";
  let isAway = false;
  let isServerAway = false;
  let held: { readonly channel: string; readonly run: () => void } | undefined;

  const put = (session: FakeSession, type: string, data: unknown, message?: FakeMessage) => {
    session.seq += 1;
    const messages = message === undefined ? [] : [message];
    const sent: Sent = { seq: session.seq, type, data, messages };
    session.sent.push(sent);
    if (session.sent.length > replayMax) session.sent.shift();
    write(session.socket, { op: op.dispatch, s: sent.seq, t: type, d: data });
  };
  const putAll = (type: string, data: unknown, message?: FakeMessage) => {
    for (const session of sessions.values()) put(session, type, data, message);
  };
  /** Everything up to here was taken: Discord may forget it. */
  const acknowledge = (session: FakeSession, seq: unknown) => {
    if (typeof seq !== "number") return;
    while (session.sent.length > 0 && (session.sent[0]?.seq ?? 0) <= seq) {
      for (const message of session.sent.shift()?.messages ?? []) world.acknowledge(message);
    }
  };

  const ready = (session: FakeSession) => {
    put(session, "READY", {
      v: 10,
      user: { id: world.botId, username: "holdfast-bot", bot: true },
      guilds: [{ id: world.guildId, unavailable: true }],
      session_id: session.id,
      resume_gateway_url: url,
      application: { id: world.applicationId, flags: 0 },
    });
    put(session, "GUILD_CREATE", serverData());
  };

  const serverData = () => {
    const id = world.guildId;
    if (isServerAway) return { id, unavailable: true };
    const all = [...world.channels.values()];
    return {
      id,
      joined_at: new Date(0).toISOString(),
      channels: all.filter(({ type }) => type === 0).map((one) => channelData(world, one)),
      threads: all.filter(({ type }) => type === 11).map((one) => channelData(world, one)),
    };
  };

  const identify = (socket: WebSocket, data: Record<string, unknown>) => {
    if (!isAuthorized(world, data["token"])) {
      socket.close(4004, "Authentication failed.");
      return undefined;
    }
    const intents = Number(data["intents"]);
    if ((intents & world.disallowedIntents) !== 0) {
      socket.close(4014, "Disallowed intent(s).");
      return undefined;
    }
    for (const other of sessions.values()) {
      if (other.socket?.readyState === 1) world.violate("two nodes hold the gateway at once");
    }
    world.count("identify");
    const session: FakeSession = {
      id: world.random.token(32),
      intents,
      seq: 0,
      sent: [],
      socket,
    };
    sessions.set(session.id, session);
    ready(session);
    return session;
  };

  const resume = (socket: WebSocket, data: Record<string, unknown>) => {
    if (!isAuthorized(world, data["token"])) {
      socket.close(4004, "Authentication failed.");
      return undefined;
    }
    const session = sessions.get(String(data["session_id"]));
    const seq = Number(data["seq"]);
    if (session === undefined || seq > session.seq || seq + 1 < (session.sent[0]?.seq ?? 0)) {
      write(socket, { op: op.invalidSession, d: false });
      return undefined;
    }
    world.count("resume");
    session.socket?.close(4000, "Resumed elsewhere.");
    session.socket = socket;
    acknowledge(session, seq);
    for (const sent of session.sent) {
      write(socket, { op: op.dispatch, s: sent.seq, t: sent.type, d: sent.data });
    }
    put(session, "RESUMED", {});
    return session;
  };

  const serve = (socket: WebSocket) => {
    let session: FakeSession | undefined;
    const patience = () =>
      setTimeout(
        () => {
          world.violate("no heartbeat came in time");
          socket.close(4000, "No heartbeat.");
        },
        options.heartbeatMs * 2 + 1_000,
      );
    let timer = patience();
    socket.on("error", () => {});
    socket.on("close", (code) => {
      clearTimeout(timer);
      if (session === undefined || session.socket !== socket) return;
      session.socket = undefined;
      // These codes end the session; a client that comes back must not use them.
      if (code === 1000 || code === 1001) sessions.delete(session.id);
    });
    socket.on("message", (raw: Buffer) => {
      const frame = JSON.parse(raw.toString("utf8")) as { op: number; d: never };
      if (frame.op === op.heartbeat) {
        clearTimeout(timer);
        timer = patience();
        world.count("heartbeat");
        write(socket, { op: op.heartbeatAck });
        if (session?.socket === socket) acknowledge(session, frame.d);
      } else if (session !== undefined) socket.close(4005, "Already authenticated.");
      else if (frame.op === op.identify) session = identify(socket, frame.d);
      else if (frame.op === op.resume) session = resume(socket, frame.d);
      else socket.close(4003, "Not authenticated.");
    });
    write(socket, { op: op.hello, d: { heartbeat_interval: options.heartbeatMs } });
  };
  server.on("connection", serve);

  const deliver = (message: FakeMessage) => {
    if (isServerAway && message.channel.type !== 1) return;
    for (const session of sessions.values()) {
      const data = dispatchData(world, message, options.channelTypes, session.intents);
      put(session, "MESSAGE_CREATE", data, message);
      if (world.strikes("duplicate")) put(session, "MESSAGE_CREATE", data);
      if (world.strikes("dropped")) session.socket?.terminate();
    }
  };

  return {
    setUrl(value: string) {
      url = value;
    },
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      if (isAway) return void socket.destroy();
      server.handleUpgrade(request, socket, head, (client) => server.emit("connection", client));
    },
    /** A person's message goes out, sometimes only after the next one of another chat. */
    message(message: FakeMessage) {
      const before = held;
      held = undefined;
      if (before === undefined && world.strikes("reordered")) {
        const later = { channel: message.channel.id, run: () => deliver(message) };
        held = later;
        setTimeout(() => {
          if (held !== later) return;
          held = undefined;
          later.run();
        }, 100 / world.speed);
        return;
      }
      const isSameChat = before?.channel === message.channel.id;
      if (isSameChat) before?.run();
      deliver(message);
      if (!isSameChat) before?.run();
    },
    /** Clients read history while they handle a dispatch: they have taken it once they acknowledge the last. */
    fetched(messages: readonly FakeMessage[]) {
      const alive = [...sessions.values()].find(({ socket }) => socket?.readyState === 1);
      const handled = alive?.sent.at(-1);
      if (handled !== undefined) handled.messages.push(...messages);
      else for (const message of messages) world.acknowledge(message);
    },
    putAll,
    channelCreated(channel: FakeChannel) {
      const type = channel.type === 11 ? "THREAD_CREATE" : "CHANNEL_CREATE";
      if (channel.type !== 1) putAll(type, channelData(world, channel));
    },
    /** Cuts every socket, as a network does. */
    cut() {
      for (const session of sessions.values()) session.socket?.terminate();
    },
    takeGatewayAway(isGone: boolean) {
      isAway = isGone;
      if (isAway) for (const session of sessions.values()) session.socket?.terminate();
    },
    takeServerAway(isGone: boolean) {
      isServerAway = isGone;
      if (!isGone) putAll("GUILD_CREATE", serverData());
    },
    /** Asks every client to reconnect. */
    askReconnect() {
      for (const { socket } of sessions.values()) write(socket, { op: op.reconnect, d: null });
    },
    /** Forgets all sessions: who resumes has to begin anew. */
    forgetSessions() {
      for (const { socket } of sessions.values()) socket?.terminate();
      sessions.clear();
    },
    closeAll(code: number) {
      for (const { socket } of sessions.values()) socket?.close(code);
    },
    connections: () =>
      [...sessions.values()].filter(({ socket }) => socket?.readyState === 1).length,
    close() {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function dispatchData(
  world: World,
  message: FakeMessage,
  channelTypes: boolean,
  intents: number,
): Record<string, unknown> {
  const { channel, data, member } = message;
  const isGuild = channel.type !== 1;
  const mentions = data["mentions"] as { id: string }[] | undefined;
  const isHidden =
    isGuild &&
    (intents & messageContent) === 0 &&
    !(mentions ?? []).some(({ id }) => id === world.botId);
  return {
    ...data,
    ...(isHidden ? { content: "", attachments: [] } : {}),
    ...(isGuild ? { guild_id: world.guildId, member } : {}),
    ...(channelTypes ? { channel_type: channel.type } : {}),
  };
}

function isAuthorized(world: World, token: unknown): boolean {
  return !world.isRevoked && token === world.token;
}

function write(socket: WebSocket | undefined, frame: object): void {
  if (socket?.readyState === 1) socket.send(JSON.stringify(frame));
}
