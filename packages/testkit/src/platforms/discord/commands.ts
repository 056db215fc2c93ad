import { generateKeyPairSync, sign } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import type { PersonMessage } from "../fake-platform.ts";
import { roleOf } from "./rest-server.ts";
import { openOriginal } from "./webhooks.ts";
import { channelData, type FakeChannel, type World } from "./world.ts";

/** Discord waits this long for the first answer to an interaction. */
const answerMs = 3_000;
const pauseMinMs = 50;
const pauseMaxMs = 2_000;

export interface SignedHeaders {
  readonly "x-signature-ed25519": string;
  readonly "x-signature-timestamp": string;
}

/**
 * Slash commands, posted and signed as Discord does. Discord itself posts each once and shows its person
 * that the application did not respond; here the same command is posted again until it is acknowledged, so
 * that a test can wait for it.
 */
export function createCommands(world: World) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "jwk" }).x ?? "";
  const lanes = new Map<string, Promise<void>>();
  const closed = new AbortController();
  let urls: readonly string[] = [];
  let ca: string | undefined;
  let turn = 0;

  const signed = (body: string, timeMs = Date.now()): SignedHeaders => {
    const timestamp = String(Math.floor(timeMs / 1_000));
    const signature = sign(null, Buffer.from(timestamp + body), privateKey).toString("hex");
    return { "x-signature-ed25519": signature, "x-signature-timestamp": timestamp };
  };

  const post = (body: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const url = urls[turn % urls.length];
      turn += 1;
      if (url === undefined) return reject(new Error("there is no address to deliver to"));
      const options = {
        method: "POST",
        timeout: answerMs,
        headers: { "content-type": "application/json", ...signed(body) },
        ...(ca === undefined ? {} : { ca }),
      };
      const request = url.startsWith("https:") ? httpsRequest : httpRequest;
      const asked = request(url, options, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on("error", reject);
      });
      asked.on("timeout", () => asked.destroy(new Error("the answer took too long")));
      asked.on("error", reject);
      asked.end(body);
    });

  /** Whether it was acknowledged; `waiting` once the person sees "thinking". */
  const deliverOnce = async (body: string, token: string, channel: FakeChannel) => {
    try {
      const { status, text } = await post(body);
      if (status < 200 || status > 299) return false;
      if ((JSON.parse(text) as { type?: number }).type !== 5) {
        world.violate("a slash command was not answered with a deferred response");
      }
      openOriginal(world, token, channel);
      return !world.strikes("dropped");
    } catch {
      return false;
    }
  };

  const deliver = async (body: string, token: string, channel: FakeChannel) => {
    for (let wait = pauseMinMs; !closed.signal.aborted; wait = Math.min(pauseMaxMs, wait * 2)) {
      const isTwice = world.strikes("duplicate");
      const both = [deliverOnce(body, token, channel)];
      if (isTwice) both.push(deliverOnce(body, token, channel));
      if ((await Promise.all(both)).some(Boolean)) break;
      await pause(wait / world.speed, undefined, { signal: closed.signal }).catch(() => {});
    }
    if (closed.signal.aborted) return;
    world.openCommands -= 1;
    world.checkSettled();
  };

  return {
    publicKey: Buffer.from(raw, "base64url").toString("hex"),
    signed,
    deliverTo(to: readonly string[], authority?: string) {
      urls = to;
      ca = authority;
    },
    /** A person calls the command. Those of one chat follow each other. */
    call(message: PersonMessage, channel: FakeChannel) {
      const token = world.random.token(64);
      const body = JSON.stringify(interactionData(world, message, channel, token));
      world.openCommands += 1;
      const before = lanes.get(channel.id) ?? Promise.resolve();
      lanes.set(
        channel.id,
        before.then(() => deliver(body, token, channel)),
      );
    },
    close() {
      closed.abort();
    },
  };
}

export function interactionData(
  world: World,
  message: PersonMessage,
  channel: FakeChannel,
  token: string,
): Record<string, unknown> {
  const user = world.author(message);
  const isGuild = channel.type !== 1;
  return {
    version: 1,
    id: world.nextId(),
    application_id: world.applicationId,
    type: 2,
    token,
    channel: channelData(world, channel),
    channel_id: channel.id,
    ...(isGuild
      ? { guild_id: world.guildId, member: { user, nick: null, roles: [roleOf(world)] } }
      : { user }),
    context: isGuild ? 0 : 1,
    data: {
      id: world.nextId(),
      type: 1,
      name: "ask",
      options: [{ name: "text", type: 3, value: message.text }],
    },
  };
}
