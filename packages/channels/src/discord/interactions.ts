import { createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  type Clock,
  HoldfastError,
  type InboundEvent,
  type WebhookAnswer,
  type WebhookRequest,
} from "@holdfast/core";
import { z } from "zod";
import { isThread } from "./channel-types.ts";
import { discordLimits } from "./limits.ts";
import { isSnowflake, snowflakeOrder, snowflakeTime } from "./snowflake.ts";

const pong = { type: 1 };
const deferred = { type: 5 };
const typePing = 1;
const typeCommand = 2;
const optionString = 3;
const marker = "interaction.";

const user = z.looseObject({
  id: z.string(),
  username: z.string().optional(),
  global_name: z.string().nullish(),
  bot: z.boolean().optional(),
});

const command = z.looseObject({
  id: z.string().refine(isSnowflake),
  token: z.string().regex(/^[\w.~=+-]{1,500}$/),
  guild_id: z.string().optional(),
  channel: z.looseObject({ id: z.string(), type: z.number(), parent_id: z.string().nullish() }),
  member: z
    .looseObject({ user, nick: z.string().nullish(), roles: z.array(z.string()).optional() })
    .optional(),
  user: user.optional(),
  data: z.looseObject({
    name: z.string(),
    options: z
      .array(z.looseObject({ name: z.string(), type: z.number(), value: z.unknown().optional() }))
      .optional(),
  }),
});

/** The token of the interaction that an inbound message was, when it was one. */
export function interactionToken(messageId: string): string | undefined {
  return messageId.startsWith(marker) ? messageId.slice(marker.length) : undefined;
}

/**
 * Reads one request of Discord to the interactions endpoint. Each is signed with Ed25519 over the
 * timestamp and the raw body. A command is answered with "thinking"; the agent's answer takes that place.
 */
export function readInteraction(
  request: WebhookRequest,
  publicKeyHex: string,
  clock: Clock,
): WebhookAnswer {
  checkSignature(request, publicKeyOf(publicKeyHex), clock);
  const body = parse(request.body);
  const type = z.looseObject({ type: z.number() }).safeParse(body);
  if (!type.success) throw new HoldfastError("invalid_request", "The interaction has no type.");
  if (type.data.type === typePing) return json(200, pong, []);
  if (type.data.type !== typeCommand) {
    // Buttons and forms: none of ours exist, and an error is what their person should see.
    return json(400, { message: "unknown interaction" }, [
      { type: "ignored", what: "unknown_event" },
    ]);
  }
  const parsed = command.safeParse(body);
  const sender = parsed.data?.member?.user ?? parsed.data?.user;
  if (!parsed.success || sender === undefined) {
    return json(400, { message: "unknown command" }, [{ type: "ignored", what: "unknown_event" }]);
  }
  return json(200, deferred, [toEvent(parsed.data, sender)]);
}

function toEvent(data: z.infer<typeof command>, sender: z.infer<typeof user>): InboundEvent {
  const { channel, member, guild_id: guild } = data;
  const texts = (data.data.options ?? []).flatMap(({ type, value }) =>
    type === optionString && typeof value === "string" ? [value] : [],
  );
  const name = member?.nick ?? sender.global_name ?? sender.username;
  return {
    type: "message",
    eventId: data.id,
    chat: {
      kind: guild === undefined ? "direct" : "channel",
      id: channel.id,
      ...(isThread(channel.type) && typeof channel.parent_id === "string"
        ? { parent: channel.parent_id }
        : {}),
      ...(guild === undefined ? {} : { guild }),
    },
    sender: {
      id: sender.id,
      ...(name === undefined ? {} : { name }),
      ...(sender.username === undefined ? {} : { username: sender.username }),
      isBot: sender.bot === true,
      ...(member?.roles === undefined ? {} : { roles: member.roles }),
    },
    text: texts.length > 0 ? texts.join("\n") : `/${data.data.name}`,
    messageId: marker + data.token,
    order: snowflakeOrder(data.id),
    mentionsAccount: true,
    media: [],
    sentAt: snowflakeTime(data.id),
  };
}

function checkSignature({ headers, body }: WebhookRequest, key: KeyObject, clock: Clock): void {
  const signature = headers["x-signature-ed25519"];
  const timestamp = headers["x-signature-timestamp"];
  if (signature === undefined || timestamp === undefined) {
    throw new HoldfastError("webhook_unverified", "The interaction is not signed.");
  }
  if (!/^[0-9a-f]{128}$/i.test(signature) || !/^\d{1,15}$/.test(timestamp)) {
    throw new HoldfastError("webhook_unverified", "The interaction's signature is malformed.");
  }
  const signed = Buffer.concat([Buffer.from(timestamp, "utf8"), body]);
  if (!verify(null, signed, key, Buffer.from(signature, "hex"))) {
    throw new HoldfastError("webhook_unverified", "The interaction's signature is wrong.");
  }
  if (Math.abs(clock.now() - Number(timestamp) * 1_000) > discordLimits.interactionAgeMs) {
    throw new HoldfastError("webhook_unverified", "The interaction's timestamp is too far off.");
  }
}

/** Node reads raw Ed25519 keys as JSON web keys. */
function publicKeyOf(hex: string): KeyObject {
  const x = Buffer.from(hex, "hex").toString("base64url");
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  } catch (cause) {
    throw new HoldfastError("webhook_unverified", "The account's public key is no Ed25519 key.", {
      cause,
    });
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    throw new HoldfastError("invalid_request", "The interaction is not JSON.");
  }
}

function json(status: number, body: object, events: readonly InboundEvent[]): WebhookAnswer {
  const headers = { "content-type": "application/json" };
  return { status, headers, body: JSON.stringify(body), events };
}
