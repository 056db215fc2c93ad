import { askOnce, type PeerTarget, peerText } from "./peer-request.ts";

const pauseMs = 50;
const tryTimeoutMs = 15_000;

export interface Probe {
  readonly conversation: number;
  readonly id: string;
  /** From the kill; undefined when no reply came before the deadline. */
  readonly replyMs: number | undefined;
  /** Tries that failed; the last problem. */
  readonly failures: number;
  readonly problem: string | undefined;
}

/**
 * A client of one conversation that goes on trying to send its next message, with one key, at one server
 * after the other, until it has the reply.
 */
export async function probe(
  conversation: number,
  id: string,
  { target, filler, killedAt, deadline }: ProbeOptions,
): Promise<Probe> {
  let problem: string | undefined;
  for (let failures = 0; ; failures += 1) {
    const left = deadline - performance.now();
    if (left <= 0) return { conversation, id, replyMs: undefined, failures, problem };
    try {
      const text = peerText(id, filler);
      const request = { conversation, id, text, lane: conversation + failures };
      await askOnce(target(), request, Math.min(tryTimeoutMs, left));
      const replyMs = performance.now() - killedAt;
      return { conversation, id, replyMs, failures, problem };
    } catch (thrown) {
      problem = String(thrown);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

export interface ProbeOptions {
  readonly target: () => PeerTarget;
  readonly filler: string;
  /** On the clock of `performance.now()`. */
  readonly killedAt: number;
  readonly deadline: number;
}
