import type { InboundMessageEvent } from "../../../ports/channel.ts";

type Parts = Partial<Omit<InboundMessageEvent, "chat" | "sender">> & {
  readonly chat?: Partial<InboundMessageEvent["chat"]>;
  readonly sender?: Partial<InboundMessageEvent["sender"]>;
};

/** A direct message of the person 7, or what is given instead. */
export function message({ chat, sender, ...rest }: Parts = {}): InboundMessageEvent {
  return {
    type: "message",
    eventId: "e1",
    chat: { kind: "direct", id: "7", ...chat },
    sender: { id: "7", isBot: false, ...sender },
    text: "hello",
    messageId: "m1",
    mentionsAccount: false,
    media: [],
    sentAt: 0,
    ...rest,
  };
}
