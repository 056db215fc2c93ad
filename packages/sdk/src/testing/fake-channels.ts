import {
  type AccountCheck,
  type ChannelCapabilities,
  HoldfastError,
  type Resource,
} from "@holdfast/core";
import type {
  AccountState,
  DeliveryFailure,
  DeliveryView,
  PairedPerson,
  PendingPerson,
} from "../channels.ts";
import type { Incoming, Outcome } from "./incoming.ts";

/** What operators see of channels. Accounts themselves are resources. */
export interface FakeChannels {
  /** By `organization/name`; who is not here is connected on n-1. */
  readonly states: Map<string, Omit<AccountState, "capabilities">>;
  /** By `organization/name`; who is not here is well. */
  readonly checks: Map<string, AccountCheck>;
  pending: PendingPerson[];
  paired: PairedPerson[];
  /** By `organization/agent/conversation`. */
  readonly deliveries: Map<string, DeliveryView[]>;
  failures: DeliveryFailure[];
  /** Requests for states that are being answered, and the most that ever were. */
  readonly asked: { now: number; most: number };
}

export function createFakeChannels(): FakeChannels {
  return {
    states: new Map(),
    checks: new Map(),
    pending: [],
    paired: [],
    deliveries: new Map(),
    failures: [],
    asked: { now: 0, most: 0 },
  };
}

interface ChannelsState {
  readonly resources: ReadonlyMap<string, Resource>;
  readonly channels: FakeChannels;
}

const accounts = /^\/api\/v1\/orgs\/([^/]+)\/accounts\/([^/]+)\/(state|check|pairings)(?:\/(.+))?$/;
const deliveries =
  /^\/api\/v1\/orgs\/([^/]+)\/agents\/([^/]+)\/conversations\/([^/]+)\/deliveries(?:\/(.+))?$/;
const failures = /^\/api\/v1\/orgs\/([^/]+)\/failed-deliveries$/;

/** Undefined for addresses of other kinds. */
export function channelRoutes(
  state: ChannelsState,
  incoming: Incoming,
): Promise<Outcome> | Outcome {
  const { pathname } = incoming.url;
  const wordsOf = (pattern: RegExp) =>
    pattern
      .exec(pathname)
      ?.slice(1)
      .map((word) => word && decodeURIComponent(word));
  const ofAccount = wordsOf(accounts);
  if (ofAccount) {
    const [organization, name, what, person] = ofAccount;
    if (!state.resources.has(`Account/${organization}/${name}`)) {
      throw new HoldfastError("account_not_found", `No account "${name}" is found.`);
    }
    const key = `${organization}/${name}`;
    if (what === "state") return slowState(state.channels, key);
    if (what === "check") return { status: 200, body: checkOf(state.channels, key) };
    return pairings(state.channels, incoming, person);
  }
  const ofConversation = wordsOf(deliveries);
  if (ofConversation) {
    const [organization, agent, conversation, id] = ofConversation;
    const kept = state.channels.deliveries.get(`${organization}/${agent}/${conversation}`) ?? [];
    if (id === undefined) return { status: 200, body: { items: kept } };
    if (!kept.some((each) => each.id === id && each.isHeld)) {
      throw new HoldfastError("delivery_not_found", `No outgoing message ${id} waits there.`);
    }
    return { status: 202, body: {} };
  }
  const [organization] = wordsOf(failures) ?? [];
  if (organization === undefined) return undefined;
  const { searchParams } = incoming.url;
  const limit = Number(searchParams.get("limit") ?? 100);
  const after = searchParams.get("after") ?? "";
  const rest = state.channels.failures.filter(
    (each) => each.organization === organization && each.id > after,
  );
  const items = rest.slice(0, limit);
  const next = rest.length > limit ? { next: items.at(-1)?.id } : {};
  return { status: 200, body: { items, ...next } };
}

/** Answered a moment later, so that requests that come at once are counted as such. */
async function slowState(channels: FakeChannels, key: string): Promise<Outcome> {
  const { asked } = channels;
  asked.now += 1;
  asked.most = Math.max(asked.most, asked.now);
  await new Promise((resolve) => setImmediate(resolve));
  asked.now -= 1;
  return { status: 200, body: stateOf(channels, key) };
}

function stateOf({ states }: FakeChannels, key: string): AccountState {
  const usual = { status: "connected", since: 1_700_000_000_000, node: "n-1", epoch: 1 } as const;
  return { ...(states.get(key) ?? usual), capabilities };
}

function checkOf(channels: FakeChannels, key: string): AccountCheck & { state: AccountState } {
  const check = channels.checks.get(key) ?? { ok: true, identity: "@fake_bot", findings: [] };
  return { ...check, state: stateOf(channels, key) };
}

function pairings(
  channels: FakeChannels,
  { request, url, body }: Incoming,
  person: string | undefined,
): Outcome {
  const { pending, paired } = channels;
  if (request.method === "GET") {
    const limit = Number(url.searchParams.get("limit") ?? 100);
    const after = url.searchParams.get("after") ?? "";
    const rest = paired.filter(({ id }) => id > after);
    const page = rest.slice(0, limit);
    const next = rest.length > limit ? { next: page.at(-1)?.id } : {};
    return { status: 200, body: { pending, paired: page, ...next } };
  }
  if (request.method === "POST") {
    const { code } = body as { code: string };
    const found = pending.find((each) => each.code === code);
    if (!found) throw notPaired("No pairing waits under that code.");
    const { code: _code, requestedAt: _at, ...who } = found;
    const approved = { ...who, approvedAt: 1_700_000_000_000 };
    channels.pending = pending.filter((each) => each !== found);
    channels.paired = [...paired, approved];
    return { status: 200, body: approved };
  }
  const left = paired.filter(({ id }) => id !== person);
  if (left.length === paired.length) throw notPaired(`"${person}" is not paired.`);
  channels.paired = left;
  return { status: 204 };
}

function notPaired(message: string): HoldfastError {
  return new HoldfastError("pairing_not_found", message);
}

const capabilities: ChannelCapabilities = {
  threads: true,
  edits: true,
  reactions: false,
  media: { inbound: true, outbound: false },
  typing: true,
  receipts: [],
  nativeCommands: true,
  idempotentSends: false,
  text: { max: 4_096, unit: "utf-16" },
  rates: { account: [], direct: [], group: [] },
};
