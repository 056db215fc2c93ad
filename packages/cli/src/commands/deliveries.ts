import { type ConversationRef, HoldfastError } from "@holdfast/core";
import {
  type Client,
  type DeliveryAction,
  type DeliveryFailure,
  type DeliveryView,
  paged,
} from "@holdfast/sdk";
import { conversationOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { type Format, printItems } from "../output/print-items.ts";
import type { Column } from "../output/table.ts";
import { printJson, printLine } from "../output/terminal.ts";
import { timeText } from "../output/time-text.ts";
import type { ScopeOptions } from "./dead-letters.ts";
import { organizationNames } from "./list-resources.ts";
import { oneOf } from "./one-of.ts";

/** `holdfast get deliveries ORG/AGENT CONVERSATION`. */
export async function getDeliveries(
  context: Context,
  address: string | undefined,
  conversation: string | undefined,
  format: Format,
): Promise<number> {
  if (address === undefined || conversation === undefined) {
    const expected = "`holdfast get deliveries ORGANIZATION/AGENT CONVERSATION`";
    throw new HoldfastError("usage", `Deliveries are those of a conversation: ${expected}.`);
  }
  const ref = conversationOf(address, conversation);
  const client = await context.client();
  await printItems(context, format, deliveryColumns, deliveriesOf(client, ref));
  return 0;
}

/** `holdfast get failed-deliveries [ID]`. */
export async function getFailedDeliveries(
  context: Context,
  id: string | undefined,
  { org, format }: ScopeOptions & { readonly format: Format },
): Promise<number> {
  const client = await context.client();
  const failures = oneOf(failuresOf(client, org), id, "failed delivery");
  await printItems(context, format, failureColumns, failures, id);
  return 0;
}

/** `holdfast deliveries retry|discard ORG/AGENT CONVERSATION ID...`. */
export async function runChangeDelivery(
  context: Context,
  action: DeliveryAction,
  { address, conversation, ids }: { address: string; conversation: string; ids: readonly string[] },
): Promise<number> {
  const { terminal, json } = context;
  const ref = conversationOf(address, conversation);
  const client = await context.client();
  const done = action === "retry" ? "is sent once more" : "discarded";
  for (const id of ids) {
    await client.changeDelivery(ref, id, action);
    if (!json) printLine(terminal.stdout, `${id} ${done}`);
  }
  if (json) printJson(terminal.stdout, action === "retry" ? { retried: ids } : { discarded: ids });
  return 0;
}

async function* deliveriesOf(
  client: Client,
  ref: ConversationRef,
): AsyncGenerator<DeliveryView, void, undefined> {
  yield* await client.deliveries(ref);
}

async function* failuresOf(
  client: Client,
  organization: string | undefined,
): AsyncGenerator<DeliveryFailure, void, undefined> {
  const ofOne = (name: string) => paged((range) => client.failedDeliveries(name, range));
  if (organization !== undefined) yield* ofOne(organization);
  else for await (const name of organizationNames(client)) yield* ofOne(name);
}

const deliveryColumns: readonly Column<DeliveryView>[] = [
  { title: "ID", value: ({ id }) => id, isWhole: true },
  { title: "ACCOUNT", value: ({ account }) => account },
  { title: "CHAT", value: ({ chat }) => chat },
  { title: "STATE", value: ({ state, isHeld }) => (isHeld ? `${state}, held` : state) },
  { title: "PIECES", value: piecesText, isRight: true },
  { title: "SINCE", value: ({ at }) => timeText(at) },
  {
    title: "REASON",
    value: ({ pieces }) => pieces.findLast(({ reason }) => reason)?.reason,
    isWhole: true,
  },
];

const failureColumns: readonly Column<DeliveryFailure>[] = [
  { title: "ID", value: ({ id }) => id, isWhole: true },
  { title: "AGENT", value: ({ organization, agent }) => `${organization}/${agent}` },
  { title: "CONVERSATION", value: ({ conversation }) => conversation, isWhole: true },
  { title: "ACCOUNT", value: ({ account }) => account },
  { title: "STATE", value: ({ state }) => state },
  { title: "SINCE", value: ({ at }) => timeText(at) },
  { title: "REASON", value: ({ reason }) => reason, isWhole: true },
];

/** How many of its pieces the platform took. */
function piecesText({ pieces, of }: DeliveryView): string {
  const taken = pieces.filter(({ state }) => takenStates.has(state)).length;
  return of === 0 ? "" : `${taken}/${of}`;
}

const takenStates: ReadonlySet<string> = new Set(["sent", "delivered", "read"]);
