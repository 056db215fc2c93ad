import { HoldfastError, type Resource, type ResourceKind } from "@holdfast/core";
import { type Client, type DeadLetter, paged, type TokenInfo } from "@holdfast/sdk";
import { kindOf, nameOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { type Format, printItems } from "../output/print-items.ts";
import type { Column } from "../output/table.ts";

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
  const client = await context.client();
  if (kind === "failed-delivery") {
    const { failedDeliveryColumns } = await import("./deliveries.ts");
    const failures = oneOf(listFailures(client, options.org), name, "failed delivery");
    await printItems(context, format, failedDeliveryColumns, failures, name);
  } else if (kind === "dead-letter") {
    const letters = paged((range) => client.deadLetters(options.org, range));
    await printItems(context, format, deadLetterColumns, oneOf(letters, name, "dead letter"), name);
  } else if (kind === "token") {
    const tokens = paged((range) => client.tokens(options.org, range));
    await printItems(context, format, tokenColumns, oneOf(tokens, name, "token"), name);
  } else {
    const resources =
      name === undefined
        ? listResources(client, kind, options.org)
        : only(client.get({ kind, ...nameOf(kind, name, options.org) }));
    if (kind === "Account" && format === "table") {
      const { accountColumns, withStates } = await import("./channels.ts");
      const accounts = withStates(client, resources as AsyncIterable<ResourceOf<"Account">>);
      await printItems(context, format, accountColumns, accounts);
    } else await printItems(context, format, resourceColumns[kind], resources, name);
  }
  return 0;
}

/** Agents and providers of one organization, or of all that the token may see. */
async function* listResources(
  client: Client,
  kind: ResourceKind,
  organization: string | undefined,
): AsyncGenerator<Resource, void, undefined> {
  if (kind === "Organization" || organization !== undefined) {
    yield* paged<Resource>((range) => client.list(kind, organization, range));
    return;
  }
  for await (const { name } of paged((range) => client.list("Organization", undefined, range))) {
    yield* paged<Resource>((range) => client.list(kind, name, range));
  }
}

async function* only<Item>(item: Promise<Item>): AsyncGenerator<Item, void, undefined> {
  yield await item;
}

/** The API lists these but has no address for one: it is looked for. */
async function* oneOf<Item extends { readonly id: string }>(
  items: AsyncIterable<Item>,
  id: string | undefined,
  what: string,
): AsyncGenerator<Item, void, undefined> {
  for await (const item of items) {
    if (id === undefined) yield item;
    else if (item.id === id) {
      yield item;
      return;
    }
  }
  if (id !== undefined) throw new HoldfastError("not_found", `There is no ${what} ${id}.`);
}

const resourceColumns: Record<ResourceKind, readonly Column<Resource>[]> = {
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
  Account: [
    { title: "ORGANIZATION", value: (item) => ("organization" in item ? item.organization : "") },
    { title: "NAME", value: (item) => item.name },
    { title: "CHANNEL", value: (item) => (item.kind === "Account" ? item.channel : "") },
    { title: "AGENT", value: (item) => (item.kind === "Account" ? item.agent : "") },
  ],
  IdentityLink: [
    { title: "ORGANIZATION", value: (item) => ("organization" in item ? item.organization : "") },
    { title: "NAME", value: (item) => item.name },
    { title: "IDENTITIES", value: identitiesOf },
  ],
};

export const deadLetterColumns: readonly Column<DeadLetter>[] = [
  { title: "ID", value: (letter) => letter.id },
  { title: "AGENT", value: ({ message }) => `${message.organization}/${message.agent}` },
  { title: "CONVERSATION", value: ({ message }) => message.conversation },
  { title: "CODE", value: (letter) => letter.code },
  { title: "TRIES", value: (letter) => String(letter.attempts) },
  { title: "SINCE", value: (letter) => timeText(letter.at) },
];

export const tokenColumns: readonly Column<TokenInfo>[] = [
  { title: "ID", value: (token) => token.id },
  { title: "NAME", value: (token) => token.name },
  { title: "ORGANIZATION", value: (token) => token.organization },
  { title: "CREATED", value: (token) => timeText(token.createdAt) },
];

export function timeText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

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
