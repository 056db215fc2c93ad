import {
  type AgentRef,
  type ConversationId,
  type Conversations,
  type ConversationRef,
  HoldfastError,
  type HistoryPage,
  limits,
  type ModelMessage,
  type StoredMessage,
} from "@holdfast/core";
import { type Base, decodeResponseId, responseNotFound } from "./response-ids.ts";

/** How a response continues what an earlier one said. */
export interface Continuation {
  /** The conversation to go on in; undefined where a new one branches off. */
  readonly conversation: ConversationId | undefined;
  /** An index of that conversation before the response to come; -1 for a new one. */
  readonly after: number;
  readonly bases: readonly Base[];
  /** What the bases said, oldest first. */
  readonly history: readonly ModelMessage[];
}

/**
 * Finds what `previous_response_id` leads to. The newest response of a conversation is continued in it;
 * an older one, and one whose continuation is not to be stored, is branched from: its messages become
 * the history of another conversation. With `linear` (an Idempotency-Key must find its first use) it
 * always goes on in the same one. Errors: `previous_response_not_found`, `invalid_request`.
 */
export async function continueResponse(
  conversations: Conversations,
  agent: AgentRef,
  id: string,
  how: { readonly store: boolean; readonly linear: boolean; readonly maxChars: number },
): Promise<Continuation> {
  const { conversation, message, after, bases } = decodeResponseId(id);
  const ref = { ...agent, conversation };
  const { end, newest } = await turnEnd(conversations, ref, message, after, id);
  const stays = how.store && (how.linear || end === newest);
  const all = stays ? bases : [...bases, { conversation, upTo: end }];
  if (all.length > limits.responseForks + (how.store ? 0 : 1)) {
    throw new HoldfastError("invalid_request", "Responses branched too often.", {
      details: [
        {
          path: "previous_response_id",
          message: `at most ${limits.responseForks} branches: send the whole input instead`,
        },
      ],
    });
  }
  const said: ModelMessage[] = [];
  for (const base of all) {
    const of = { ...agent, conversation: base.conversation };
    said.push(...(await readUpTo(conversations, of, base.upTo, id)));
  }
  const history = newestWithin(said, how.maxChars);
  return stays
    ? { conversation, after: end, bases, history }
    : { conversation: undefined, after: -1, bases: all, history };
}

/** Index of a conversation's newest message; -1 for one that has not begun. */
export async function newestIndex(
  conversations: Conversations,
  ref: ConversationRef,
): Promise<number> {
  try {
    const range = { after: Number.MAX_SAFE_INTEGER, limit: 1 };
    return (await conversations.history(ref, range)).newest;
  } catch (thrown) {
    if (isAbsent(thrown)) return -1;
    throw thrown;
  }
}

/** The index of the last message of the turn that a message began. */
async function turnEnd(
  conversations: Conversations,
  ref: ConversationRef,
  message: string,
  after: number,
  id: string,
): Promise<{ end: number; newest: number }> {
  let page = await readPage(conversations, ref, after, id);
  // An answer that was repeated from the history stands before what its id says.
  if (!page.messages.some((candidate) => candidate.id === message)) {
    page = await pageWith(conversations, ref, message, id);
  }
  const input = page.messages.find((candidate) => candidate.id === message);
  if (!input) throw responseNotFound(id);
  const same = (candidate: StoredMessage) =>
    input.turn === undefined ? candidate.id === input.id : candidate.turn === input.turn;
  let end = page.messages.findLast(same)?.index ?? input.index;
  // A page holds less than a turn that is long, or whose messages are.
  while (page.messages.at(-1)?.index === end && end < page.newest) {
    page = await readPage(conversations, ref, end, id);
    end = page.messages.findLast(same)?.index ?? end;
  }
  return { end, newest: page.newest };
}

/** The page that begins with a message. Errors: `previous_response_not_found`. */
async function pageWith(
  conversations: Conversations,
  ref: ConversationRef,
  message: string,
  id: string,
): Promise<HistoryPage> {
  for (let after = -1; ; ) {
    const page = await readPage(conversations, ref, after, id);
    const found = page.messages.find((candidate) => candidate.id === message);
    if (found) return await readPage(conversations, ref, found.index - 1, id);
    const last = page.messages.at(-1);
    if (!last || last.index >= page.newest) throw responseNotFound(id);
    after = last.index;
  }
}

async function readUpTo(
  conversations: Conversations,
  ref: ConversationRef,
  upTo: number,
  id: string,
): Promise<ModelMessage[]> {
  const messages: StoredMessage[] = [];
  let chars = 0;
  for (let after = -1; after < upTo; ) {
    const page = await readPage(conversations, ref, after, id);
    if (page.messages.length === 0) break;
    for (const message of page.messages) {
      if (message.index > upTo) break;
      messages.push(message);
      chars += message.text.length;
    }
    // The oldest are of no use to a model that cannot read so much.
    while (chars > limits.contextChars && messages.length > 1) {
      chars -= messages.shift()?.text.length ?? 0;
    }
    after = page.messages.at(-1)?.index ?? upTo;
  }
  return messages.map(modelMessage);
}

/** The newest messages, beginning with a user's: a cut leaves no tool's result without its call. */
function newestWithin(messages: readonly ModelMessage[], maxChars: number): ModelMessage[] {
  let left = maxChars;
  const start = messages.findLastIndex(({ text }) => (left -= text.length) < 0) + 1;
  const kept = messages.slice(start);
  const first = kept.findIndex(({ role }) => role === "user");
  return first < 0 ? [] : kept.slice(first);
}

async function readPage(
  conversations: Conversations,
  ref: ConversationRef,
  after: number,
  id: string,
) {
  try {
    return await conversations.history(ref, { after, limit: 100 });
  } catch (thrown) {
    throw isAbsent(thrown) ? responseNotFound(id) : thrown;
  }
}

function isAbsent(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && thrown.code === "conversation_not_found";
}

function modelMessage(message: StoredMessage): ModelMessage {
  const { role, text, toolCalls } = message;
  if (role === "user") return { role, text };
  if (role === "assistant") {
    return toolCalls && toolCalls.length > 0 ? { role, text, toolCalls } : { role, text };
  }
  return {
    role,
    text,
    toolCallId: message.toolCallId ?? "",
    toolName: message.toolName ?? "",
    ...(message.isError === undefined ? {} : { isError: message.isError }),
  };
}
