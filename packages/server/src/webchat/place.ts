import { createHash } from "node:crypto";
import {
  type Account,
  agentName,
  type Channels,
  chooseAgent,
  conversationKey,
  conversationOf,
  type ConversationRef,
  decideAccess,
  type IdentityLink,
  type IdentityLinks,
  indexIdentityLinks,
  type MessageId,
  messageIdOf as idOfKey,
  organizationName,
  type ResourceStore,
} from "@holdfast/core";

const historyDigestChars = 16;

/** Where a visitor's messages go, and whether they may. */
export interface VisitorPlace {
  readonly ref: ConversationRef;
  readonly access: "allow" | "pair" | "refuse";
}

/** A visitor as the rest of the system names one. */
export function visitorAddress(id: string) {
  return { chat: { kind: "direct" as const, id }, sender: { id, isBot: false } };
}

/** Finds visitors' conversations by the same rules as the ingress of all channels. */
export class Places {
  readonly #resources: ResourceStore;
  readonly #pairing: Channels["pairing"];
  readonly #unlisten: () => void;
  #links: IdentityLinks | undefined;

  constructor(resources: ResourceStore, { pairing }: Pick<Channels, "pairing">) {
    this.#resources = resources;
    this.#pairing = pairing;
    this.#unlisten = resources.onChange("IdentityLink", () => {
      this.#links = undefined;
    });
  }

  /** Undefined when no agent takes what the visitor writes. */
  of(account: Account, visitor: string): VisitorPlace | undefined {
    const { organization } = account;
    const address = visitorAddress(visitor);
    const agent = chooseAgent(account, address, this.#onlyAgent(organization));
    if (agent === undefined) return undefined;
    const owner = { organization: organizationName(organization), agent: agentName(agent) };
    if (!this.#resources.agent(owner)) return undefined;
    this.#links ??= indexIdentityLinks(this.#allLinks());
    const conversation = conversationOf(account, address, { agent, links: this.#links, digest });
    const asked = { ...address, mentionsAccount: true };
    const { decision } = decideAccess(account, asked, this.#pairing.isPaired(account, visitor));
    return {
      ref: { ...owner, conversation },
      access: decision === "ignore" ? "refuse" : decision,
    };
  }

  close(): void {
    this.#unlisten();
  }

  #onlyAgent(organization: string): string | undefined {
    const { items } = this.#resources.list("Agent", organization, { limit: 2 });
    return items.length === 1 ? items[0]?.name : undefined;
  }

  *#allLinks(): Generator<IdentityLink> {
    for (let after: string | undefined; ; ) {
      const range = { limit: 1_000, ...(after !== undefined && { after }) };
      const page = this.#resources.list("IdentityLink", undefined, range);
      for (const item of page.items) if (item.kind === "IdentityLink") yield item;
      if (page.next === undefined) return;
      after = page.next;
    }
  }
}

/**
 * What a browser knows the history by. Of another agent the conversation has the same id, and counts its
 * messages anew. No id holds a `#`.
 */
export function historyName(ref: ConversationRef): string {
  return `${ref.conversation}#${digest(conversationKey(ref)).slice(0, historyDigestChars)}`;
}

/** The id that a visitor's message has in the history; as the message path makes it of keys. */
export function messageIdOf(ref: ConversationRef, account: string, id: string): MessageId {
  return idOfKey(ref, `${account}.${id}`, digest);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
