import type { IncomingMessage } from "node:http";
import {
  type AppliedResource,
  HoldfastError,
  type Resource,
  resourceSchema,
  type StoredMessage,
} from "@holdfast/core";
import { channelRoutes } from "./fake-channels.ts";
import { clusterRoutes } from "./fake-cluster.ts";
import type { Incoming, Outcome } from "./incoming.ts";
import { accept, conversationOf, type FakeConversation, type FakeState } from "./fake-state.ts";

export async function routes(state: FakeState, incoming: Incoming): Promise<Outcome> {
  const { url, request } = incoming;
  if (url.pathname === "/readyz") {
    const checks = [{ name: state.engineCheck, ok: state.ready, detail: "no leader" }];
    return { status: state.ready ? 200 : 503, body: { ready: state.ready, checks } };
  }
  if (url.pathname === "/api/v1/apply") return apply(state, incoming.body);
  const ofCluster = clusterRoutes(state.cluster, incoming);
  if (ofCluster) return ofCluster;
  const [orgs, organization, collection, name, ...rest] = url.pathname
    .replace("/api/v1/", "")
    .split("/")
    .map(decodeURIComponent);
  if (orgs === "dead-letters") return deadLetters(state, request, organization);
  if (orgs === "join-tokens") return joinTokens(state, incoming, organization);
  if (orgs === "tokens") return tokens(state, incoming, organization);
  if (collection === "dead-letters") return deadLetters(state, request, name);
  if (collection === "tokens") return tokens(state, incoming, name, organization);
  const ofChannels = channelRoutes(state, incoming);
  if (ofChannels) return ofChannels;
  if (rest[0] === "conversations") {
    if (!state.resources.has(`Agent/${organization}/${name}`)) {
      throw new HoldfastError("agent_not_found", `${organization} has no agent ${name}.`);
    }
    const conversation = `${organization}/${name}/${rest[1]}`;
    return rest[2] === "events"
      ? events(conversationOf(state, conversation), incoming)
      : messages(state, conversation, incoming);
  }
  const kinds: Record<string, string> = {
    agents: "Agent",
    providers: "Provider",
    accounts: "Account",
  };
  const prefix = collection ? `${kinds[collection]}/${organization}/` : "Organization//";
  return resources(state, incoming, prefix, collection ? name : organization);
}

function resources(
  state: FakeState,
  { request, url, body }: Incoming,
  prefix: string,
  name: string | undefined,
): Outcome {
  if (name === undefined) {
    const limit = Number(url.searchParams.get("limit"));
    const after = url.searchParams.get("after") ?? "";
    const all = [...state.resources.entries()]
      .filter(([key, item]) => key.startsWith(prefix) && item.name > after)
      .map(([, item]) => item)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const items = all.slice(0, limit);
    const next = all.length > limit ? { next: items.at(-1)?.name } : {};
    return { status: 200, body: { items, ...next } };
  }
  if (request.method === "PUT") return { status: 200, body: write(state, body as Resource, false) };
  const found = state.resources.get(prefix + name);
  if (!found) throw new HoldfastError("not_found", `There is no ${prefix}${name}.`);
  if (request.method !== "DELETE") return { status: 200, body: found };
  state.resources.delete(prefix + name);
  return { status: 204 };
}

function apply(state: FakeState, body: unknown): Outcome {
  const { resources: given, dryRun } = body as { resources: unknown[]; dryRun?: boolean };
  const faults: { path: string; message: string }[] = [];
  const checked = given.map((item) => resourceSchema.parse(item));
  const declared = new Set(checked.map((item) => item.kind + item.name));
  checked.forEach((item, index) => {
    if (item.kind === "Organization" || declared.has(`Organization${item.organization}`)) return;
    if (state.resources.has(`Organization//${item.organization}`)) return;
    const message = `there is no organization ${item.organization}`;
    faults.push({ path: `resources[${index}].organization`, message });
  });
  if (faults.length > 0) {
    throw new HoldfastError("invalid_resource", "Nothing was applied.", { details: faults });
  }
  const results = checked.map((item) => write(state, item, dryRun === true));
  return { status: 200, body: { results } };
}

function write(state: FakeState, item: Resource, dryRun: boolean): AppliedResource {
  const organization = item.kind === "Organization" ? undefined : item.organization;
  const key = `${item.kind}/${organization ?? ""}/${item.name}`;
  const before = state.resources.get(key);
  const same = before && JSON.stringify(before) === JSON.stringify(item);
  if (!dryRun) state.resources.set(key, item);
  return {
    kind: item.kind,
    name: item.name,
    ...(organization === undefined ? {} : { organization }),
    change: same ? "unchanged" : before ? "changed" : "created",
    ...(before ? { before } : {}),
  };
}

async function messages(state: FakeState, name: string, incoming: Incoming): Promise<Outcome> {
  const { request, url, body } = incoming;
  if (request.method === "GET") {
    const found = state.conversations.get(name);
    if (!found) throw new HoldfastError("conversation_not_found", `There is no ${name}.`);
    const after = Number(url.searchParams.get("after") ?? -1);
    const limit = Number(url.searchParams.get("limit") ?? 100);
    const page = found.messages.slice(after + 1, after + 1 + limit);
    return { status: 200, body: { messages: page, newest: found.messages.length - 1 } };
  }
  const conversation = conversationOf(state, name);
  const text = (body as { text: string }).text;
  const key = request.headers["idempotency-key"] as string | undefined;
  const accepted = { ...accept(state, conversation, text, key), conversation: name.split("/")[2] };
  if (request.headers.prefer === undefined) return { status: 202, body: accepted };
  if (state.waitTimesOut) throw new HoldfastError("wait_timeout", "No answer yet.");
  const committed = await conversation.answers.get(accepted.id);
  if (!committed) throw new HoldfastError("message_not_found", "The answer is lost.");
  const { finish, usage, model, messages: turnMessages } = committed;
  const reply = turnMessages.at(-1)?.text;
  return {
    status: 200,
    body: { ...accepted, reply, finish, usage, model, messages: turnMessages },
  };
}

function events(conversation: FakeConversation, { request, response, url }: Incoming): Outcome {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(": hello\n\n");
  const lastEventId = request.headers["last-event-id"] ?? url.searchParams.get("after");
  const sendMessage = (message: StoredMessage) => {
    response.write(`id: ${message.index}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`);
  };
  if (lastEventId !== null) {
    for (const message of conversation.messages.slice(Number(lastEventId) + 1))
      sendMessage(message);
  }
  const listen: Parameters<FakeConversation["listeners"]["add"]>[0] = (event) => {
    const id = event.type === "committed" ? `id: ${event.messages.at(-1)?.index}\n` : "";
    response.write(`${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  conversation.listeners.add(listen);
  request.socket.once("close", () => conversation.listeners.delete(listen));
  return undefined;
}

function deadLetters(state: FakeState, request: IncomingMessage, id: string | undefined): Outcome {
  if (id === undefined) return { status: 200, body: { items: state.deadLetters } };
  const at = state.deadLetters.findIndex((letter) => letter.id === id);
  if (at < 0) throw new HoldfastError("message_not_found", `There is no dead letter ${id}.`);
  const [letter] = state.deadLetters.splice(at, 1);
  if (request.method === "DELETE") return { status: 204 };
  const conversation = letter?.message.conversation;
  return { status: 202, body: { id: "message-9", duplicate: false, conversation } };
}

function tokens(
  state: FakeState,
  { request, body }: Incoming,
  id: string | undefined,
  organization?: string,
): Outcome {
  if (request.method === "POST") {
    const { name } = body as { name: string };
    const created = {
      id: `token-${state.tokens.length + 1}`,
      name,
      ...(organization === undefined ? {} : { organization }),
      createdAt: 1_700_000_000_000,
    };
    state.tokens.push(created);
    return { status: 201, body: { ...created, token: "hf_secret" } };
  }
  if (id === undefined) return { status: 200, body: { items: state.tokens } };
  const at = state.tokens.findIndex((known) => known.id === id);
  if (at < 0) throw new HoldfastError("not_found", `There is no token ${id}.`);
  state.tokens.splice(at, 1);
  return { status: 204 };
}

function joinTokens(
  state: FakeState,
  { request, body }: Incoming,
  id: string | undefined,
): Outcome {
  if (request.method === "POST") {
    const { role } = body as { role?: "store" | "compute" };
    const expiresAt = 1_700_000_600_000;
    const info = { id: `join-${state.joinTokens.length + 1}`, ...(role && { role }), expiresAt };
    state.joinTokens.push({ ...info, createdAt: 1_700_000_000_000, state: "open" });
    return { status: 201, body: { ...info, token: "hfj_secret" } };
  }
  if (id === undefined) return { status: 200, body: { items: state.joinTokens } };
  const at = state.joinTokens.findIndex((known) => known.id === id);
  if (at < 0) throw new HoldfastError("token_not_found", `There is no join token ${id}.`);
  state.joinTokens.splice(at, 1);
  return { status: 204 };
}
