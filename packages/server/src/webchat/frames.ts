import { z } from "zod";
import { webchatLimits } from "./limits.ts";

const index = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Made by the browser for one message; a repeat of it takes effect once. */
const messageId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);

const hello = z.strictObject({
  type: z.literal("hello"),
  /** What `welcome` gave before. */
  visitor: z.string().max(200).optional(),
  signed: z
    .strictObject({
      id: z.string().min(1).max(200),
      expires: z.int().min(0),
      signature: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
  /** The one that `after` counts in, as `welcome` named it. */
  conversation: z.string().max(webchatLimits.historyNameChars).optional(),
  /** The newest message that it has; -1 for none. */
  after: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).default(-1),
  /** Its own messages that it has not seen in the history. */
  pending: z.array(messageId).max(webchatLimits.pending).default([]),
});

const clientFrame = z.discriminatedUnion("type", [
  hello,
  z.strictObject({
    type: z.literal("send"),
    id: messageId,
    text: z.string().min(1).max(webchatLimits.messageChars),
  }),
  /** Everything up to this message has arrived. */
  z.strictObject({ type: z.literal("ack"), index }),
  /** Everything up to this message was seen. */
  z.strictObject({ type: z.literal("read"), index }),
]);

export type ClientFrame = z.infer<typeof clientFrame>;
export type Hello = z.infer<typeof hello>;

export type ServerFrame =
  | {
      readonly type: "welcome";
      /** To be shown next time; absent for signed visitors. */
      readonly visitor?: string;
      readonly conversation: string;
      /**
       * Messages above this index follow; below the browser's own it begins anew. Said once more when the
       * history turns out to end before that.
       */
      readonly after: number;
      readonly title?: string;
      readonly colour?: string;
      readonly addresses: readonly string[];
    }
  /** Everything that was missed has been told. */
  | { readonly type: "live" }
  | {
      readonly type: "message";
      readonly index: number;
      readonly role: "user" | "assistant";
      readonly text: string;
      /** Of the formatter's own making; absent for what people wrote. */
      readonly html?: string;
      readonly at: number;
      /** The browser's id of its own message. */
      readonly id?: string;
    }
  | { readonly type: "accepted"; readonly id: string }
  /** An answer is being written; what was told of it is void. */
  | { readonly type: "typing" }
  | { readonly type: "delta"; readonly text: string }
  /** The answer will not come, or not before another try. */
  | { readonly type: "failed"; readonly ids: readonly string[]; readonly final: boolean }
  | { readonly type: "tick" }
  | {
      readonly type: "error";
      /** The message that was refused. */
      readonly id?: string;
      readonly code: string;
      readonly message: string;
      readonly retryAfterMs?: number;
    };

/** Undefined when it is no frame. */
export function readFrame(text: string): ClientFrame | undefined {
  try {
    return clientFrame.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Codes with which the server closes; see RFC 6455, section 7.4. */
export const closeCodes = {
  goingAway: 1001,
  badFrame: 4400,
  /** Not for this visitor: a repeat changes nothing. */
  refused: 4403,
  /** No such account any more. */
  gone: 4404,
  /** The account was changed: connect again. */
  changed: 4409,
  tooMuch: 4429,
} as const;
