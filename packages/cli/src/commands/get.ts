import { HoldfastError, type Resource, type ResourceKind } from "@holdfast/core";
import { type DeadLetter, paged, type TokenInfo } from "@holdfast/sdk";
import { kindOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { type Format, printItems } from "../output/print-items.ts";
import type { Column } from "../output/table.ts";
import { timeText } from "../output/time-text.ts";
import { listResources } from "./list-resources.ts";
import { oneOf } from "./one-of.ts";

export interface GetOptions {
  readonly org?: string;
  readonly output?: Format;
  readonly watch?: boolean;
}

/** `holdfast get KIND [NAME]`; of deliveries `holdfast get deliveries ORG/AGENT CONVERSATION`. */
export async function runGet(
  context: Context,
  word: string,
  name: string | undefined,
  { conversation, ...options }: GetOptions & { readonly conversation?: string | undefined },
): Promise<number> {
  const kind = kindOf(word);
  if (conversation !== undefined && kind !== "delivery") {
    throw new HoldfastError("usage", `${JSON.stringify(conversation)} is too much: give one name.`);
  }
  const format = options.output ?? (context.json ? "json" : "table");
  if (kind === "node" || kind === "partition") {
    const { getCluster } = await import("./get-cluster.ts");
    return getCluster(context, kind, name, { format, watch: options.watch === true });
  }
  if (options.watch) throw new HoldfastError("usage", "--watch is for nodes and partitions.");
  if (kind === "delivery") {
    const { getDeliveries } = await import("./deliveries.ts");
    return getDeliveries(context, name, conversation, format);
  }
  if (kind === "failed-delivery") {
    const { getFailedDeliveries } = await import("./deliveries.ts");
    return getFailedDeliveries(context, name, { ...options, format });
  }
  if (kind === "Account") {
    const { getAccounts } = await import("./channels.ts");
    return getAccounts(context, name, { ...options, format });
  }
  const client = await context.client();
  if (kind === "dead-letter") {
    const letters = paged((range) => client.deadLetters(options.org, range));
    await printItems(context, format, deadLetterColumns, oneOf(letters, name, "dead letter"), name);
  } else if (kind === "token") {
    const tokens = paged((range) => client.tokens(options.org, range));
    await printItems(context, format, tokenColumns, oneOf(tokens, name, "token"), name);
  } else {
    const resources = listResources(client, kind, name, options.org);
    await printItems<Resource>(context, format, resourceColumns[kind], resources, name);
  }
  return 0;
}

const resourceColumns: Record<Exclude<ResourceKind, "Account">, readonly Column<Resource>[]> = {
  Organization: [
    { title: "NAME", value: (item) => item.name },
    { title: "TITLE", value: (item) => ("displayName" in item ? item.displayName : undefined) },
    {
      title: "DESCRIPTION",
      value: (item) => ("description" in item ? item.description : undefined),
    },
  ],
  Provider: [
    { title: "ORGANIZATION", value: (item) => ("organization" in item ? item.organization : "") },
    { title: "NAME", value: (item) => item.name },
    { title: "TYPE", value: (item) => (item.kind === "Provider" ? item.type : "") },
    { title: "ADDRESS", value: (item) => (item.kind === "Provider" ? item.baseUrl : "") },
  ],
  Agent: [
    { title: "ORGANIZATION", value: (item) => ("organization" in item ? item.organization : "") },
    { title: "NAME", value: (item) => item.name },
    { title: "MODEL", value: modelOf },
    { title: "TOOLS", value: toolsOf },
    {
      title: "DESCRIPTION",
      value: (item) => ("description" in item ? item.description : undefined),
    },
  ],
  IdentityLink: [
    { title: "ORGANIZATION", value: (item) => ("organization" in item ? item.organization : "") },
    { title: "NAME", value: (item) => item.name },
    { title: "IDENTITIES", value: identitiesOf },
  ],
};

const deadLetterColumns: readonly Column<DeadLetter>[] = [
  { title: "ID", value: (letter) => letter.id },
  { title: "AGENT", value: ({ message }) => `${message.organization}/${message.agent}` },
  { title: "CONVERSATION", value: ({ message }) => message.conversation },
  { title: "CODE", value: (letter) => letter.code },
  { title: "TRIES", value: (letter) => String(letter.attempts) },
  { title: "SINCE", value: (letter) => timeText(letter.at) },
];

const tokenColumns: readonly Column<TokenInfo>[] = [
  { title: "ID", value: (token) => token.id },
  { title: "NAME", value: (token) => token.name },
  { title: "ORGANIZATION", value: (token) => token.organization },
  { title: "CREATED", value: (token) => timeText(token.createdAt) },
];

function modelOf(item: Resource): string {
  if (item.kind !== "Agent") return "";
  return typeof item.model === "string" ? item.model : item.model.primary;
}

function identitiesOf(item: Resource): string {
  if (item.kind !== "IdentityLink") return "";
  return item.identities.map(({ channel, id }) => `${channel}:${id}`).join(", ");
}

function toolsOf(item: Resource): string {
  if (item.kind !== "Agent") return "";
  return (item.tools ?? []).map((tool) => ("name" in tool ? tool.name : tool.type)).join(", ");
}
