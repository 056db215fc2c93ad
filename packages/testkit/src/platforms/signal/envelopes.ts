import type { PersonMessage } from "../fake-platform.ts";

export const account = "+491510000000";
const ownId = "00000000-0000-4000-8000-000000000000";
const placeholder = "\uFFFC";

/** `number`: of a person who lets the account see it; then the daemon calls the person so first. */
export function notification(
  from: string,
  timestamp: number,
  part: object,
  name = "Ada",
  number = from.startsWith("+") ? from : null,
): object {
  return {
    envelope: {
      source: number ?? from,
      sourceNumber: number,
      sourceUuid: from,
      sourceName: name,
      sourceDevice: 1,
      timestamp,
      serverReceivedTimestamp: timestamp + 1,
      serverDeliveredTimestamp: timestamp + 2,
      ...part,
    },
    account,
  };
}

export function dataMessage(message: PersonMessage, timestamp: number, more: object = {}): object {
  const isMention = message.mentionsAccount === true;
  return {
    dataMessage: {
      timestamp,
      message: isMention ? `${placeholder} ${message.text}` : message.text,
      expiresInSeconds: 0,
      viewOnce: false,
      ...(isMention
        ? { mentions: [{ name: account, number: account, uuid: ownId, start: 0, length: 1 }] }
        : {}),
      ...(message.kind === "group"
        ? { groupInfo: { groupId: message.chat, groupName: "Group", revision: 1, type: "DELIVER" } }
        : {}),
      ...more,
    },
  };
}

export function receipt(
  state: "delivered" | "read",
  timestamps: readonly number[],
  when: number,
): object {
  return {
    receiptMessage: {
      when,
      isDelivery: state === "delivered",
      isRead: state === "read",
      isViewed: false,
      timestamps,
    },
  };
}
