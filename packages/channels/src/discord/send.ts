import { createHash } from "node:crypto";
import {
  type ChannelAccount,
  type ChatAddress,
  type Clock,
  type Piece,
  type PieceSend,
  type SendOutcome,
  toHoldfastError,
} from "@holdfast/core";
import { z } from "zod";
import { formatDiscord } from "../format/index.ts";
import { interactionToken } from "./interactions.ts";
import { discordLimits } from "./limits.ts";
import { setNewest } from "./lru.ts";
import { isReplyRefused, outcomeOf } from "./outcome.ts";
import type { Rest } from "./rest.ts";
import { createRates } from "./rates.ts";
import { answerInteraction } from "./send-interaction.ts";
import { isSnowflake } from "./snowflake.ts";

const pieceBody = z.object({
  content: z.string(),
  /** Its place in the answer: only the first piece fills a slash command's waiting answer. */
  part: z.int(),
});

/** Nobody is called by what an agent writes. */
const allowedMentions = { parse: [], replied_user: false };

type Sender = Required<Pick<ChannelAccount, "render" | "send" | "typing">>;

export function createSender(rest: Rest, clock: Clock, applicationId: string | undefined): Sender {
  const rates = createRates(clock);
  /** When the first try of a key began that may have worked. */
  const undecided = new Map<string, number>();

  const write = async (channel: string, message: object, signal: AbortSignal) => {
    const afterMs = rates.waitMs(channel);
    if (afterMs > 0) return { kind: "held", afterMs } as const;
    const path = `/channels/${channel}/messages`;
    const answer = await rest.ask({ method: "POST", path, body: message }, signal);
    rates.note(channel, answer);
    return answer;
  };

  const post = async (send: PieceSend, signal: AbortSignal): Promise<SendOutcome> => {
    const body = pieceBody.parse(send.piece.body);
    const token = send.replyTo === undefined ? undefined : interactionToken(send.replyTo);
    if (token !== undefined && applicationId !== undefined && body.part === 0) {
      const request = { rest, applicationId, token, content: body.content };
      const answered = await answerInteraction(request, signal);
      if (answered !== undefined) return answered;
    }
    const channel = channelOf(send.chat);
    const startedAt = clock.monotonic();
    const message = {
      content: body.content,
      nonce: nonceOf(send.key),
      enforce_nonce: true,
      allowed_mentions: allowedMentions,
    };
    let answer = await write(channel, { ...message, ...reply(send.chat, send.replyTo) }, signal);
    // Where the bot may not read the history it may write, but not name what it answers.
    if (answer.kind !== "held" && isReplyRefused(answer)) {
      answer = await write(channel, message, signal);
    }
    if (answer.kind === "held") {
      const reason = "The chat's rate is used up.";
      return { outcome: "retry", reason, afterMs: answer.afterMs, scope: "chat" };
    }
    const isUncertain =
      answer.kind === "uncertain" ||
      (answer.kind === "answer" && (answer.status >= 500 || answer.status < 300) && !answer.own);
    if (isUncertain && !undecided.has(send.key)) {
      setNewest(undecided, send.key, startedAt, discordLimits.undecidedSends);
    }
    return outcomeOf(answer);
  };

  return {
    render: (markdown) =>
      formatDiscord(markdown).map(
        ({ content, plain }, part): Piece => ({ body: { content, part }, text: plain }),
      ),

    async send(send, signal) {
      const since = undecided.get(send.key);
      const isOldHere = since !== undefined && clock.monotonic() - since > discordLimits.nonceMs;
      // Another node may have begun it.
      const { firstTriedAt } = send;
      const isOld =
        firstTriedAt !== undefined && clock.now() - firstTriedAt > discordLimits.nonceMs;
      if (isOldHere || isOld) {
        undecided.delete(send.key);
        const reason = "An earlier try may have worked, and Discord may have forgotten its nonce.";
        return { outcome: "unknown", reason };
      }
      const tried = await guarded(() => post(send, signal));
      const isUnsure = tried.outcome === "retry" && undecided.has(send.key);
      const outcome: SendOutcome = isUnsure ? { ...tried, mayHaveBeenSent: true } : tried;
      if (outcome.outcome === "sent" || outcome.outcome === "failed") undecided.delete(send.key);
      return outcome;
    },

    async typing(chat, signal) {
      await guarded(async () =>
        outcomeOf(
          await rest.ask({ method: "POST", path: `/channels/${channelOf(chat)}/typing` }, signal),
        ),
      );
    },
  };
}

/** A secret that cannot be read, or a piece that is none of ours, is an outcome like any other. */
async function guarded(run: () => Promise<SendOutcome>): Promise<SendOutcome> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof RangeError) {
      return { outcome: "failed", reason: "The message or its chat is not one of Discord's." };
    }
    const fault = toHoldfastError(error);
    return fault.code === "account_unauthorized"
      ? { outcome: "unauthorized", reason: "The bot's token cannot be read." }
      : { outcome: "unknown", reason: "The send failed for a reason of Holdfast's own." };
  }
}

/** At most 25 characters, and the same for every try. */
function nonceOf(key: string): string {
  return createHash("sha256").update(key).digest().subarray(0, 18).toString("base64url");
}

/** Where many talk, the answer says what it answers; with one person that is plain. */
function reply({ kind }: ChatAddress, replyTo: string | undefined): object {
  if (kind === "direct" || !isSnowflake(replyTo)) return {};
  return { message_reference: { type: 0, message_id: replyTo, fail_if_not_exists: false } };
}

/** Ids stand in paths, so nothing else may. */
function channelOf(chat: ChatAddress): string {
  const id = chat.thread ?? chat.id;
  if (!isSnowflake(id)) throw new RangeError("not an id of Discord");
  return id;
}
