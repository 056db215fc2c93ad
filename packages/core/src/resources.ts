import { z } from "zod";
import { namePattern } from "./ids.ts";
import { limits } from "./limits.ts";

/**
 * What users declare (`holdfast apply`, the API): organizations, providers, agents, channel accounts and
 * identity links.
 * Unknown fields are refused everywhere.
 */

const name = z
  .string()
  .regex(
    namePattern,
    "expected 1 to 63 characters of a-z 0-9 -, beginning and ending with a letter or digit",
  );

/** A secret is never written down here, only where the node finds it. */
export const secretRef = z.union([
  z.strictObject({
    fromEnv: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of an environment variable"),
  }),
  z.strictObject({ fromFile: z.string().min(1) }),
]);
export type SecretRef = z.infer<typeof secretRef>;

const headerValue = z.union([z.string(), secretRef]);
const httpUrl = z.url({ protocol: /^https?$/, error: "expected an http or https URL" });

export const organizationSchema = z.strictObject({
  kind: z.literal("Organization"),
  name,
  displayName: z.string().max(200).optional(),
  description: z.string().max(2_000).optional(),
});

export const providerSchema = z.strictObject({
  kind: z.literal("Provider"),
  organization: name,
  name,
  type: z.enum(["openai-compatible", "openai", "anthropic", "demo"]),
  /** Needed for `openai-compatible`, e.g. http://127.0.0.1:11434/v1 for Ollama. */
  baseUrl: httpUrl.optional(),
  apiKey: secretRef.optional(),
  headers: z.record(z.string(), headerValue).optional(),
  /** Longest silence before the first event and between two events, in milliseconds. */
  timeoutMs: z.int().min(1_000).max(600_000).optional(),
});

const modelName = z
  .string()
  .regex(/^(default|[a-z0-9-]+\/\S{1,200})$/, 'expected "provider/model" or "default"');

export const modelSchema = z.union([
  modelName,
  z.strictObject({
    primary: modelName,
    fallbacks: z.array(modelName).max(4).optional(),
    temperature: z.number().min(0).max(2).optional(),
    topP: z.number().min(0).max(1).optional(),
    maxOutputTokens: z.int().min(1).max(1_000_000).optional(),
  }),
]);

const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 characters of A-Z a-z 0-9 _ -");

export const toolSchema = z.discriminatedUnion("type", [
  /** The agent's durable memory: memory_read, memory_write, memory_delete, memory_list. */
  z.strictObject({ type: z.literal("memory") }),
  /** Messages to other agents of the organization: agent_send. */
  z.strictObject({ type: z.literal("agents"), allow: z.array(name).max(100).optional() }),
  z.strictObject({
    type: z.literal("http"),
    name: toolName,
    description: z.string().max(4_000),
    /** JSON schema of the arguments. */
    parameters: z.record(z.string(), z.unknown()),
    method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).optional(),
    /** `{argument}` in the path or query is replaced by the argument, escaped. */
    url: z.string().regex(/^https?:\/\//, "expected an http or https URL"),
    headers: z.record(z.string(), headerValue).optional(),
    /** May be sent again after a crash in the middle (the Idempotency-Key header is the same). */
    idempotent: z.boolean().optional(),
    timeoutMs: z.int().min(100).max(limits.toolTimeoutMaxMs).optional(),
  }),
  z.strictObject({
    type: z.literal("mcp"),
    /** Prefix of the tools' names: `name__tool`. */
    name: z.string().regex(/^[a-z0-9-]{1,24}$/, "expected 1 to 24 characters of a-z 0-9 -"),
    transport: z.discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("stdio"),
        command: z.string().min(1),
        args: z.array(z.string()).max(100).optional(),
        env: z.record(z.string(), headerValue).optional(),
        cwd: z.string().optional(),
      }),
      z.strictObject({
        type: z.literal("http"),
        url: httpUrl,
        headers: z.record(z.string(), headerValue).optional(),
      }),
    ]),
    /** Only these tools of the server; all when absent. */
    allow: z.array(z.string()).max(limits.toolsPerAgent).optional(),
    timeoutMs: z.int().min(100).max(limits.toolTimeoutMaxMs).optional(),
  }),
]);
export type ToolSpec = z.infer<typeof toolSchema>;

export const workspaceSchema = z.strictObject({
  /** AGENTS.md, SOUL.md, … with their text, in the order in which the model reads them. */
  files: z.array(z.strictObject({ path: z.string().min(1).max(400), text: z.string() })).max(200),
  skills: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        description: z.string().max(4_000),
        text: z.string(),
        userInvocable: z.boolean().optional(),
        modelInvocable: z.boolean().optional(),
      }),
    )
    .max(200),
});
export type Workspace = z.infer<typeof workspaceSchema>;

export const agentSchema = z.strictObject({
  kind: z.literal("Agent"),
  organization: name,
  name,
  displayName: z.string().max(200).optional(),
  description: z.string().max(2_000).optional(),
  instructions: z.string().max(200_000).optional(),
  model: modelSchema,
  tools: z.array(toolSchema).max(64).optional(),
  workspace: workspaceSchema.optional(),
  queue: z
    .strictObject({
      /** `followup`: one turn per message. `collect`: one turn for all that wait. */
      mode: z.enum(["followup", "collect"]).optional(),
      /** With `collect`: how long to gather after the first message. */
      debounceMs: z.int().min(0).max(60_000).optional(),
    })
    .optional(),
  limits: z
    .strictObject({
      maxSteps: z.int().min(1).max(limits.stepsPerTurn).optional(),
      maxContextChars: z.int().min(1_000).max(4_000_000).optional(),
    })
    .optional(),
});

const peerSchema = z.strictObject({
  kind: z.enum(["direct", "group", "channel"]).optional(),
  /** The platform's id of the person or chat, or `*` for all. */
  id: z.string().min(1).max(200),
});

/** Which of an account's conversations an agent takes. What is absent matches everything. */
const bindingSchema = z.strictObject({
  agent: name,
  peer: peerSchema.optional(),
  /** The chat that a thread hangs under. */
  parentPeer: peerSchema.optional(),
  guild: z.string().min(1).max(200).optional(),
  roles: z.array(z.string().min(1).max(200)).max(100).optional(),
  team: z.string().min(1).max(200).optional(),
  /** Comes after what names this account: OpenClaw's `accountId: "*"`. */
  anyAccount: z.literal(true).optional(),
});

const identities = z.array(z.string().min(1).max(200)).max(limits.accessEntries);

const accessSchema = z.strictObject({
  /** Who may write to the account directly; `pairing` when absent. */
  direct: z.enum(["pairing", "allowlist", "open", "disabled"]).optional(),
  /** Ids or user names of people; `*` is everybody. */
  allow: identities.optional(),
  /** In which groups it answers; `allowlist` when absent. */
  groups: z.enum(["allowlist", "open", "disabled"]).optional(),
  /** Ids of groups. */
  groupAllow: identities.optional(),
  /** In groups, only these people. */
  groupSenders: identities.optional(),
  /** In groups, only what names the account or answers it; true when absent. */
  requireMention: z.boolean().optional(),
  /** Never these people, whatever else is allowed. */
  block: identities.optional(),
});

const rateSchema = z.strictObject({
  count: z.int().min(1).max(1_000_000),
  perMs: z.int().min(1).max(86_400_000),
});

export const accountSchema = z.strictObject({
  kind: z.literal("Account"),
  organization: name,
  name,
  /** telegram, slack, discord, whatsapp, email, signal or web. */
  channel: name,
  /** The channel's own; see docs/channels.md. */
  settings: z.record(z.string(), z.unknown()).optional(),
  /** Takes what no binding takes. */
  agent: name.optional(),
  bindings: z.array(bindingSchema).max(limits.accessEntries).optional(),
  access: accessSchema.optional(),
  /** Which direct chats share a conversation; `per-account-channel-peer` when absent. */
  scope: z.enum(["main", "per-peer", "per-channel-peer", "per-account-channel-peer"]).optional(),
  /** When a message cannot be delivered: `fail-rest` (those behind it fail, too) or `wait` for a person. */
  onFailure: z.enum(["fail-rest", "wait"]).optional(),
  /** What people see while an answer is being written; `typing` when absent. */
  streaming: z.enum(["off", "typing"]).optional(),
  /** The zone of the nodes that shall own it. */
  region: z.string().max(63).optional(),
  /** Instead of the platform's usual limits. */
  rates: z
    .strictObject({
      account: z.array(rateSchema).max(4).optional(),
      direct: z.array(rateSchema).max(4).optional(),
      group: z.array(rateSchema).max(4).optional(),
    })
    .optional(),
});

/** One person on several channels. Only what is named here is the same person. */
export const identityLinkSchema = z.strictObject({
  kind: z.literal("IdentityLink"),
  organization: name,
  name,
  /** Only with this agent; with all of the organization when absent. */
  agent: name.optional(),
  identities: z
    .array(
      z.strictObject({
        channel: name,
        account: name.optional(),
        /** The platform's id of the person. */
        id: z.string().min(1).max(200),
      }),
    )
    .min(1)
    .max(64),
});

export const resourceSchema = z.discriminatedUnion("kind", [
  organizationSchema,
  providerSchema,
  agentSchema,
  accountSchema,
  identityLinkSchema,
]);

export type Organization = z.infer<typeof organizationSchema>;
export type Provider = z.infer<typeof providerSchema>;
export type Agent = z.infer<typeof agentSchema>;
export type Account = z.infer<typeof accountSchema>;
export type AccountBinding = z.infer<typeof bindingSchema>;
export type AccountAccess = z.infer<typeof accessSchema>;
export type IdentityLink = z.infer<typeof identityLinkSchema>;
export type Resource = z.infer<typeof resourceSchema>;
export type ResourceKind = Resource["kind"];
/** What belongs to an organization. */
export type OwnedKind = Exclude<ResourceKind, "Organization">;
/** In the order in which they refer to each other. */
export const ownedKinds = ["Provider", "Agent", "Account", "IdentityLink"] as const;
export const resourceKinds = ["Organization", ...ownedKinds] as const;
/** As addresses of the API and people write several of them. */
export const pluralOf: Readonly<Record<ResourceKind, string>> = {
  Organization: "organizations",
  Provider: "providers",
  Agent: "agents",
  Account: "accounts",
  IdentityLink: "identity-links",
};

/** Kind and names of a resource, as people write it: `Agent demo/greeter`. */
export function resourceTitle(resource: Resource): string {
  return resource.kind === "Organization"
    ? `Organization ${resource.name}`
    : `${resource.kind} ${resource.organization}/${resource.name}`;
}
