/**
 * What the fakes of all platforms have in common, so that one suite can hold every channel to the same
 * promises. A fake speaks the platform's protocol as its documentation tells, enforces its limits, and
 * keeps its own record of what people saw.
 */
export interface FakePlatform {
  readonly kind: string;
  /**
   * The `settings` of an account resource on this fake, and the environment in which its secrets stand.
   * Throws when the fake does not know the mode.
   */
  account(mode: ReceiveMode): {
    readonly settings: Record<string, unknown>;
    readonly env: Readonly<Record<string, string>>;
  };
  /** Where webhooks go: the account's addresses on the nodes, taken in turn. May be set again at any time. */
  deliverTo(urls: readonly string[], ca?: string): void;
  /** A person writes; the platform delivers it as soon as it can, and again until it is acknowledged. */
  say(message: PersonMessage): void;
  /** What people in the chat see of the account, in the order in which it appeared, edits applied. */
  shown(chat: string): readonly ShownMessage[];
  /** Calls `listen` after every change of what is shown; the result ends it. */
  onShown(listen: () => void): () => void;
  /** Resolves when every message that people wrote was acknowledged. */
  settled(): Promise<void>;
  /** What a real platform would have refused or punished: rates exceeded, wrong formats, two pollers. */
  readonly violations: readonly string[];
  /** How often each fault was injected, and each unknown event was sent. */
  readonly counts: Readonly<Record<string, number>>;
  faults: FaultRates;
  /** Takes the account's credentials away, or gives them back. */
  revoke(isRevoked: boolean): void;
  /** The chat is gone, or the account is blocked in it. */
  block(chat: string): void;
  close(): Promise<void>;
}

export type ReceiveMode = "webhook" | "socket";

export interface PersonMessage {
  readonly chat: string;
  readonly kind?: "direct" | "group";
  readonly sender?: string;
  readonly senderName?: string;
  readonly isBot?: boolean;
  readonly text: string;
  readonly mentionsAccount?: boolean;
}

/** A direct chat has one person, who is called as the chat is when nothing else is said. */
export function senderOf({ sender, kind = "direct", chat }: PersonMessage): string {
  return sender ?? (kind === "direct" ? chat : "ada");
}

export interface ShownMessage {
  readonly platformId: string;
  /** Without markup, as people read it. */
  readonly text: string;
  /** As the account sent it. */
  readonly raw: unknown;
}

/** Each from 0 to 1: the share of the requests or events that it hits. Zero when absent. */
export interface FaultRates {
  /** Answers 429 with the wait that the platform names, without effect. */
  readonly tooMany?: number;
  /** Answers the platform's own 500, without effect. */
  readonly serverError?: number;
  /** Takes effect, and the answer never comes: the connection is cut after a while. */
  readonly lostAnswer?: number;
  /** An event is delivered twice. */
  readonly duplicate?: number;
  /** An event is delivered after the next one of another chat. */
  readonly reordered?: number;
  /** A socket is cut, an acknowledgement of a delivery is lost. */
  readonly dropped?: number;
  /** A body comes in pieces over a second. */
  readonly slow?: number;
}

export interface FakePlatformOptions {
  /** All randomness of the faults comes from it. */
  readonly seed?: number;
  readonly faults?: FaultRates;
  /** Divides every window of the platform's rates, so that a test of minutes takes seconds; default 1. */
  readonly speed?: number;
}
