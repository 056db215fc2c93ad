import { HoldfastError, type Resource, type ResourceKind } from "@holdfast/core";
import { type Client, type DeadLetter, paged, type TokenInfo } from "@holdfast/sdk";
import { kindOf, nameOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { printJsonArray } from "../output/json-array.ts";
import { type Column, table } from "../output/table.ts";
import { printJson, printLine, type Stream } from "../output/terminal.ts";
import type { Format } from "./get-cluster.ts";

export interface GetOptions {
  readonly org?: string;
  readonly output?: Format;
  readonly watch?: boolean;
}

/** `holdfast get KIND [NAME]`. */
export async function runGet(
  context: Context,
  word: string,
  name: string | undefined,
  options: GetOptions,
): Promise<number> {
  const kind = kindOf(word);
  const format = options.output ?? (context.json ? "json" : "table");
  if (kind === "node" || kind === "partition") {
    const { getCluster } = await import("./get-cluster.ts");
    return getCluster(context, kind, name, { format, watch: options.watch === true }, print);
  }
  if (options.watch) throw new HoldfastError("usage", "--watch is for nodes and partitions.");
  const client = await context.client();
  if (kind === "dead-letter") {
    const letters = paged((range) => client.deadLetters(options.org, range));
    await print(context, format, deadLetterColumns, oneOf(letters, name, "dead letter"), name);
  } else if (kind === "token") {
    const tokens = paged((range) => client.tokens(options.org, range));
    await print(context, format, tokenColumns, oneOf(tokens, name, "token"), name);
  } else {
    const resources =
      name === undefined
        ? listResources(client, kind, options.org)
        : only(client.get({ kind, ...nameOf(kind, name, options.org) }));
    await print(context, format, resourceColumns[kind], resources, name);
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

async function print<Item>(
  { terminal }: Context,
  format: Format,
  columns: readonly Column<Item>[],
  items: AsyncIterable<Item>,
  name: string | undefined,
): Promise<void> {
  const { stdout } = terminal;
  if (format === "table") return printTable(stdout, terminal.stderr, columns, items);
  if (format === "json" && name === undefined) return printJsonArray(stdout, items);
  const { stringify } = await import("yaml");
  let separator = "";
  for await (const item of items) {
    if (format === "json") printJson(stdout, item);
    else stdout.write(separator + stringify(item, { lineWidth: 0 }));
    separator = "---\n";
  }
}

/** Rows are aligned in blocks, so that a list of a million needs no more memory than a short one. */
async function printTable<Item>(
  stdout: Stream,
  stderr: Stream,
  columns: readonly Column<Item>[],
  items: AsyncIterable<Item>,
): Promise<void> {
  let block: Item[] = [];
  let printed = 0;
  const flush = () => {
    const lines = table(columns, block);
    for (const line of printed === 0 ? lines : lines.slice(1)) printLine(stdout, line);
    printed += block.length;
    block = [];
  };
  for await (const item of items) {
    block.push(item);
    if (block.length === 1_000) flush();
  }
  if (block.length > 0) flush();
  if (printed === 0) printLine(stderr, "There are none.");
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
