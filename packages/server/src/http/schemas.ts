import {
  accountSchema,
  agentSchema,
  conversationPattern,
  identityLinkSchema,
  limits,
  namePattern,
  organizationSchema,
  providerSchema,
  resourceKinds,
} from "@holdfast/core";
import { z } from "zod";

/** The shapes of `/api`, for checks and for /openapi.json. */

/** Names the schemas that the OpenAPI document shows as components. */
export const registry = z.registry<{ id?: string; description?: string }>();

const name = z.string().regex(namePattern, "expected 1 to 63 characters of a-z 0-9 -");

export const organizationParams = z.strictObject({ org: name });
export const agentParams = z.strictObject({ org: name, name });
export const idParams = z.strictObject({ id: z.string().min(1).max(400) });
export const organizationIdParams = idParams.extend({ org: name });
export const conversationParams = z.strictObject({
  org: name,
  agent: name,
  id: z
    .string()
    .regex(
      conversationPattern,
      "expected 1 to 200 characters of A-Z a-z 0-9 . _ : @ + = | ~ , - beginning with a letter or digit",
    ),
});

const limit = z.coerce.number().int().min(1).max(limits.listPageMax).default(100);
export const pageQuery = z.strictObject({
  after: z.string().max(400).optional().describe("The `next` of the page before."),
  limit,
});
export const historyQuery = z.strictObject({
  after: z.coerce.number().int().min(-1).default(-1).describe("Index of the last message known."),
  limit,
});
export const eventsQuery = z.strictObject({ after: z.coerce.number().int().min(-1).optional() });

/** A body may leave out what its address says. */
const fromAddress = { kind: true, organization: true, name: true } as const;
export const organizationBody = organizationSchema.partial({ kind: true, name: true });
export const agentBody = agentSchema.partial(fromAddress);
export const providerBody = providerSchema.partial(fromAddress);
export const accountBody = accountSchema.partial(fromAddress);
export const identityLinkBody = identityLinkSchema.partial(fromAddress);

export const messageBody = z.strictObject({ text: z.string().min(1) });
export const messageHeaders = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .max(limits.idempotencyKeyLength)
    .optional()
    .describe("The same key with the same body takes effect once."),
  prefer: z.string().optional().describe("`wait=SECONDS` to get the answer in the same response."),
});
export const eventsHeaders = z.looseObject({
  "last-event-id": z
    .string()
    .regex(/^\d{1,15}$/, "expected the id of an event")
    .optional(),
});
export const applyBody = z.strictObject({
  resources: z.array(z.unknown()).max(limits.resourcesPerApply),
  dryRun: z.boolean().optional(),
});
export const tokenBody = z.strictObject({
  name: z.string().min(1).max(200),
  requestsPerSecond: z.number().min(0.01).max(limits.requestsPerSecondPerToken).optional(),
});

const usage = z.object({ inputTokens: z.int(), outputTokens: z.int() });
const finish = z.enum(["stop", "length", "tool-calls", "content-filter"]);

const storedMessage = z.object({
  index: z.int(),
  id: z.string(),
  role: z.enum(["user", "assistant", "tool"]),
  text: z.string(),
  blob: z.string().optional(),
  toolCalls: z
    .array(z.object({ id: z.string(), name: z.string(), arguments: z.string() }))
    .optional(),
  toolCallId: z.string().optional(),
  toolName: z.string().optional(),
  isError: z.boolean().optional(),
  at: z.number(),
  turn: z.string().optional(),
});
export const historyPage = z.object({ messages: z.array(storedMessage), newest: z.int() });

export const accepted = z.object({
  id: z.string(),
  duplicate: z.boolean(),
  conversation: z.string(),
});
export const answer = accepted.extend({
  reply: z.string().describe("The agent's text; empty when the turn ended with a tool call."),
  messages: z.array(storedMessage),
  finish,
  usage,
  model: z.string(),
});

export const appliedResource = z.object({
  kind: z.enum(resourceKinds),
  organization: z.string().optional(),
  name: z.string(),
  change: z.enum(["created", "changed", "unchanged"]),
  before: z.unknown().optional(),
});
export const applyResults = z.object({ results: z.array(appliedResource) });

export const tokenInfo = z.object({
  id: z.string(),
  name: z.string(),
  organization: z.string().optional().describe("Absent for an administrator's."),
  createdAt: z.number(),
  requestsPerSecond: z.number().optional(),
});
export const createdToken = tokenInfo.extend({ token: z.string().describe("Shown this once.") });

export const deadLetter = z.object({
  id: z.string(),
  message: z.looseObject({}),
  code: z.string(),
  reason: z.string(),
  attempts: z.int(),
  at: z.number(),
});

const stamp = z.number().describe("Milliseconds since 1970.");
export const accountState = z.looseObject({
  status: z.enum(["starting", "connected", "unauthorized", "unavailable", "unowned"]),
  detail: z.string().optional(),
  since: stamp.optional(),
  node: z.string().optional().describe("The node that owns the account."),
  epoch: z.int().optional(),
  capabilities: z.looseObject({}),
});
export const accountCheck = z.object({
  ok: z.boolean(),
  identity: z.string().optional().describe("The platform's name of the account."),
  findings: z.array(z.string()).describe("What was found, and what to do about it."),
  state: accountState,
});
export const pairingBody = z.strictObject({ code: z.string().min(1).max(40) });
export const pairingParams = agentParams.extend({ sender: z.string().min(1).max(400) });
export const paired = z.looseObject({});
export const pairingList = z.object({
  pending: z.array(z.looseObject({})),
  paired: z.array(paired),
  next: z.string().optional(),
});
const deliveryState = z.enum(["accepted", "sent", "delivered", "read", "failed", "unknown"]);
export const delivery = z.object({
  id: z.string(),
  account: z.string(),
  chat: z.string(),
  state: deliveryState,
  isHeld: z.literal(true).optional().describe("It failed, and waits for `retry` or `discard`."),
  at: stamp,
  of: z.int().describe("How many pieces it has; 0 before the first was begun."),
  pieces: z.array(
    z.object({
      state: z.enum(["started", "sent", "delivered", "read", "failed", "unknown"]),
      platformId: z.string().optional(),
      reason: z.string().optional(),
      at: stamp,
    }),
  ),
});
export const deliveryParams = conversationParams.extend({ delivery: z.string().min(1).max(400) });
export const deliveryBody = z.strictObject({ action: z.enum(["retry", "discard"]) });
export const failedDelivery = z.object({
  organization: z.string(),
  agent: z.string(),
  conversation: z.string(),
  id: z.string(),
  account: z.string(),
  chat: z.string(),
  state: z.enum(["failed", "unknown"]),
  reason: z.string(),
  at: stamp,
});

export const readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next: z.string().optional().describe("Give this as `after`; absent on the last page."),
  });
}

export const organization = organizationSchema;
export const agent = agentSchema;
export const provider = providerSchema;
export const account = accountSchema;
export const identityLink = identityLinkSchema;

registry.add(organization, { id: "Organization" });
registry.add(agent, { id: "Agent" });
registry.add(provider, { id: "Provider" });
registry.add(storedMessage, { id: "StoredMessage" });
registry.add(appliedResource, { id: "AppliedResource" });
registry.add(deadLetter, { id: "DeadLetter" });
registry.add(tokenInfo, { id: "Token" });
