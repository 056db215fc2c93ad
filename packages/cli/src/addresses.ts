import { userInfo } from "node:os";
import {
  agentName,
  type ConversationRef,
  conversationId,
  HoldfastError,
  organizationName,
  type ResourceKind,
} from "@holdfast/core";

/** The conversation that `ORG/AGENT` and `--conversation` name. Errors: `usage`. */
export function conversationOf(address: string, conversation: string | undefined): ConversationRef {
  const [organization = "", agent = "", ...rest] = address.split("/");
  if (organization === "" || agent === "" || rest.length > 0) {
    const shown = JSON.stringify(address);
    throw new HoldfastError("usage", `${shown} names no agent: expected ORGANIZATION/AGENT.`);
  }
  return asUsage(() => ({
    organization: organizationName(organization),
    agent: agentName(agent),
    conversation: conversationId(conversation ?? defaultConversation()),
  }));
}

/** One conversation per user and agent, so that `send` and `chat` go on where the last one ended. */
function defaultConversation(): string {
  let user = "user";
  try {
    user = userInfo().username;
  } catch {
    // A user id without a name (containers): any fixed word does.
  }
  return `cli-${user.replace(/[^A-Za-z0-9._-]/g, "-").slice(0, 64)}`;
}

export type ListedKind = ResourceKind | DeliveryKind | "dead-letter" | "token" | ClusterKind;
export type DeliveryKind = "delivery" | "failed-delivery";
export type ClusterKind = "node" | "partition";

/** The kind that a word means, in the singular or plural. Errors: `usage`. */
export function kindOf(word: string): ListedKind {
  const kind = kindWords[word.toLowerCase()];
  if (kind) return kind;
  const expected =
    "organizations, agents, providers, accounts, identity-links, nodes, partitions, deliveries, failed-deliveries, dead-letters or tokens";
  throw new HoldfastError("usage", `${JSON.stringify(word)} is no kind: expected ${expected}.`);
}

export interface Named {
  readonly organization?: string;
  readonly name: string;
}

/** The resource that NAME and `--org` mean; NAME may be `ORG/NAME`. Errors: `usage`. */
export function nameOf(kind: ResourceKind, name: string, organization: string | undefined): Named {
  if (kind === "Organization") return asUsage(() => ({ name: organizationName(name) }));
  const slash = name.indexOf("/");
  const owner = slash < 0 ? organization : name.slice(0, slash);
  if (owner === undefined) {
    const expected = `write ORGANIZATION/${name} or give --org`;
    throw new HoldfastError(
      "usage",
      `The organization of ${kind} ${name} is missing: ${expected}.`,
    );
  }
  return asUsage(() => ({
    organization: organizationName(owner),
    name: agentName(name.slice(slash + 1)),
  }));
}

const kindWords: Record<string, ListedKind> = {
  organization: "Organization",
  organizations: "Organization",
  org: "Organization",
  orgs: "Organization",
  agent: "Agent",
  agents: "Agent",
  provider: "Provider",
  providers: "Provider",
  account: "Account",
  accounts: "Account",
  "identity-link": "IdentityLink",
  "identity-links": "IdentityLink",
  "dead-letter": "dead-letter",
  "dead-letters": "dead-letter",
  delivery: "delivery",
  deliveries: "delivery",
  "failed-delivery": "failed-delivery",
  "failed-deliveries": "failed-delivery",
  node: "node",
  nodes: "node",
  partition: "partition",
  partitions: "partition",
  token: "token",
  tokens: "token",
};

/** A wrong name on the command line is a wrong use of the command. */
function asUsage<Value>(make: () => Value): Value {
  try {
    return make();
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
    throw new HoldfastError("usage", thrown.message, { cause: thrown });
  }
}
