import {
  type ConversationEvent,
  type ConversationRef,
  conversationKey,
  type DeadLetter,
  limits,
  type StoredMessage,
} from "@holdfast/core";
import { type Operation, where } from "./clients.ts";
import type { JournalChecker } from "./journal-checker.ts";
import type { Reports } from "./reports.ts";
import type { RunRecord } from "./run-record.ts";
import { numberIn } from "./scripted-agents.ts";

export interface EndState {
  readonly operations: readonly Operation[];
  readonly histories: ReadonlyMap<string, readonly StoredMessage[]>;
  readonly letters: readonly DeadLetter[];
  readonly journal: JournalChecker;
  readonly reports: Reports;
}

/** What must hold when everything has come to rest. */
export function checkEnd(end: EndState, record: RunRecord): void {
  const places = userMessages(end, record);
  const lettered = new Map<string, DeadLetter>(end.letters.map((letter) => [letter.id, letter]));
  for (const operation of end.operations) {
    if (operation.message.ephemeral) checkEphemeral(operation, end, record);
    else checkEnding(operation, places, lettered, end, record);
    checkEvents(operation, end, record);
  }
  checkOrder(end, places, record);
  for (const [key, messages] of end.histories) checkAnswers(key, messages, record);
}

/** Where the history holds each operation's text. */
function userMessages(end: EndState, record: RunRecord): Map<string, number> {
  const places = new Map<string, number>();
  for (const [key, messages] of end.histories) {
    const ids = new Set(messages.map(({ id }) => id));
    if (ids.size < messages.length) record.violate(`${key} has an id twice`);
    for (const { role, text, index } of messages) {
      if (role !== "user") continue;
      const number = numberIn(text);
      if (places.has(number)) record.violate(`#${number} stands twice in the history of ${key}`);
      places.set(number, index);
      const operation = end.operations[Number(number) - 1];
      if (!operation || operation.text !== text || where(operation) !== key) {
        record.violate(`#${number} in ${key} is not what its client sent`);
      }
    }
  }
  return places;
}

function checkEnding(
  operation: Operation,
  places: ReadonlyMap<string, number>,
  lettered: ReadonlyMap<string, DeadLetter>,
  { journal, operations, reports }: EndState,
  record: RunRecord,
): void {
  const { number, ackedAt, isUnknown, message } = operation;
  const isAnswered = places.has(String(number));
  const letter = [...lettered.values()].find((candidate) => numberOf(candidate) === `${number}`);
  const name = `#${number} of ${where(operation)}`;
  if (ackedAt !== undefined && !isAnswered && !letter) {
    if (isFlagged(operation, operations, reports)) record.count("second content of a key flagged");
    else {
      record.violate(
        `${name} was acknowledged as ${operation.id} and is neither answered nor flagged`,
      );
    }
  }
  if (ackedAt === undefined && !isUnknown && (isAnswered || letter)) {
    record.violate(`${name} was refused and took effect all the same`);
  }
  if (isAnswered && letter) record.violate(`${name} was answered and dead-lettered`);
  if (!letter) return;
  record.count("letter");
  const together = journal.endings.get(letter.id)?.together ?? [];
  // A key's second content has the same id: which one was taken is known of this operation alone.
  const others = operations.filter(
    ({ id }) => id !== letter.id && together.some((one) => one === id),
  );
  const mayFail = [operation, ...others].some(({ text }) => /^#\d+ (poison|flaky)/.test(text));
  if (!mayFail && journal.openingsSince(letter.id) < limits.turnAttempts) {
    record.violate(`${name} was dead-lettered for ${letter.code}: ${letter.reason}`);
  }
  if (message.key === undefined && letter.id !== operation.id && operation.id !== undefined) {
    record.violate(`${name} has a letter of another id`);
  }
}

/**
 * A key's second content may be acknowledged where the first is not known yet: at a node that cannot ask
 * the owner, or before the owner has read the first. It takes no effect then, and an operator is told.
 */
function isFlagged(
  operation: Operation,
  operations: readonly Operation[],
  { conflicts }: Reports,
): boolean {
  const isReported = operation.id !== undefined && conflicts.has(operation.id);
  return isReported && sharesItsKey(operation, operations);
}

function numberOf({ message }: DeadLetter): string {
  const { content } = message;
  if (content.type === "text") return numberIn(content.text);
  return content.type === "blob" ? `blob ${content.blob}` : "?";
}

function checkEphemeral({ id, number, ackedAt }: Operation, end: EndState, record: RunRecord) {
  const ending = id === undefined ? undefined : end.journal.endings.get(id);
  if (ackedAt !== undefined && !ending) {
    record.violate(`the stateless call #${number} (${id}) was acknowledged and never ended`);
  }
}

/** What a waiting client was told is what the history says. */
function checkEvents(operation: Operation, end: EndState, record: RunRecord): void {
  for (const told of operation.events) checkEvent(operation, told, end, record);
}

function checkEvent(
  operation: Operation,
  last: ConversationEvent,
  end: EndState,
  record: RunRecord,
): void {
  if (last.type !== "committed" || operation.message.ephemeral) return;
  const history = end.histories.get(where(operation)) ?? [];
  const isOwn = last.messages.some(
    ({ role, text, blob }) =>
      role === "user" && (blob !== undefined || numberIn(text) === `${operation.number}`),
  );
  if (!isOwn && sharesItsKey(operation, end.operations)) {
    // Both contents of a key have one id, by which the answer to the first finds who waits.
    record.count("second content of a key told the first's answer");
  } else if (!isOwn) {
    record.violate(`the client of #${operation.number} was told another one's answer`);
  }
  for (const message of last.messages) {
    if (JSON.stringify(withoutBlob(message)) === JSON.stringify(history[message.index])) continue;
    if (message.blob !== undefined && message.role === "user") continue;
    record.violate(
      `the client of #${operation.number} was told ${JSON.stringify(withoutBlob(message)).slice(0, 90)}, and the history says ${JSON.stringify(history[message.index])?.slice(0, 120)}`,
    );
  }
}

function withoutBlob({ blob: _, ...message }: StoredMessage): StoredMessage {
  return message;
}

/** Whether another operation has the same key, and so the same id: the journal may speak of that one. */
function sharesItsKey(operation: Operation, operations: readonly Operation[]): boolean {
  const { key } = operation.message;
  if (key === undefined) return false;
  return operations.some(
    (other) =>
      other !== operation && other.message.key === key && where(other) === where(operation),
  );
}

/** Acknowledged before the other one was sent means handled before it. */
function checkOrder(
  { operations, journal }: EndState,
  places: ReadonlyMap<string, number>,
  record: RunRecord,
): void {
  const conversations = Map.groupBy(
    operations.filter(
      (operation) =>
        operation.id !== undefined &&
        !operation.message.ephemeral &&
        !sharesItsKey(operation, operations),
    ),
    where,
  );
  for (const [key, sent] of conversations) {
    for (const earlier of sent) {
      for (const later of sent) {
        if (earlier.ackedAt === undefined || earlier.ackedAt >= later.startedAt) continue;
        const [first, second] = [earlier, later].map(({ number }) => places.get(`${number}`));
        const isSwapped = first !== undefined && second !== undefined && first > second;
        const at = [earlier, later].map(({ id }) => journal.endings.get(id ?? "")?.at ?? 0);
        if (isSwapped || (at[0] ?? 0) > (at[1] ?? Number.MAX_SAFE_INTEGER)) {
          record.violate(`${key} handled #${later.number} before #${earlier.number}`);
        }
      }
    }
  }
}

/** Every turn is its inputs, its steps, and one answer that names the inputs. */
function checkAnswers(key: string, messages: readonly StoredMessage[], record: RunRecord): void {
  let asked: string[] = [];
  for (const message of messages) {
    if (message.role === "user") asked.push(`#${numberIn(message.text)}`);
    if (message.role !== "assistant" || message.toolCalls) continue;
    if (!message.text.startsWith(`re ${asked.join(" ")} (`)) {
      record.violate(`${key} answers ${asked.join(" ")} with ${message.text.slice(0, 80)}`);
    }
    checkLength(key, message.text, record);
    asked = [];
  }
  if (asked.length > 0) record.violate(`${key} ends without an answer to ${asked.join(" ")}`);
}

/** A long answer repeats its nonce to the end: text that was cut or mixed up shows. */
function checkLength(key: string, text: string, record: RunRecord): void {
  const [, nonce, rest] = /\((\w+)\)(?: (\w+))?$/.exec(text) ?? [];
  if (!nonce || (rest !== undefined && rest !== nonce.repeat(400))) {
    record.violate(`${key} holds a damaged answer: ${text.slice(0, 60)}`);
  }
}

/** The conversations that the operations name. */
export function conversationsOf(operations: readonly Operation[]): ConversationRef[] {
  const refs = new Map<string, ConversationRef>();
  for (const { message } of operations) {
    if (!message.ephemeral) refs.set(conversationKey(message), message);
  }
  return [...refs.values()];
}
