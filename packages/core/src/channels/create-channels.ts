import type { Heartbeats } from "../cluster/heartbeats.ts";
import type { Conversations } from "../conversations.ts";
import type { HoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import type { Channel } from "../ports/channel.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Random } from "../ports/random.ts";
import type { ResourceStore } from "../resource-store.ts";
import type { IdentityLink, SecretRef } from "../resources.ts";
import {
  createPairing,
  type IdentityLinks,
  indexIdentityLinks,
  type Pairing,
} from "./access/index.ts";
import { AccountAssignments } from "./account-assignments.ts";
import { AccountOwners } from "./account-owners.ts";
import { AccountRegistry } from "./account-registry.ts";
import { ChannelIngress } from "./channel-ingress.ts";
import { FailedDeliveries } from "./failed-deliveries.ts";
import { MediaKeeper } from "./media-keeper.ts";
import { Outgoing } from "./outgoing.ts";

/** The channels that a node knows, and where their secrets are. */
export interface ChannelParts {
  readonly channels: ReadonlyMap<string, Channel>;
  /** Errors: `account_unauthorized`. */
  readonly secret: (ref: SecretRef) => string;
}

export interface ChannelsOptions extends ChannelParts {
  readonly node: NodeId;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly resources: ResourceStore;
  readonly heartbeats: Heartbeats;
  readonly nodes: () => readonly NodeId[];
  readonly conversations: () => Pick<Conversations, "submit">;
  readonly digest: (text: string) => string;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** The channel accounts of a node. */
export interface Channels {
  readonly registry: AccountRegistry;
  readonly assignments: AccountAssignments;
  readonly owners: AccountOwners;
  readonly outgoing: Outgoing;
  readonly ingress: ChannelIngress;
  readonly pairing: Pairing;
  readonly failures: FailedDeliveries;
  /** What was not handled, by channel and reason. */
  readonly ignored: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Puts the channel layer together. Errors: those of the engine. */
export async function createChannels(options: ChannelsOptions): Promise<Channels> {
  const { engine, resources, clock, random, report, digest } = options;
  const { keyValue, bus, blobStore: blobs } = engine;
  const registry = new AccountRegistry(options);
  const assignments = await AccountAssignments.open(keyValue);
  const pairing = await createPairing({
    keyValue,
    clock,
    random,
    digest,
    report: (error) => report(error, "pairings"),
  });
  const failures = new FailedDeliveries(keyValue, clock, report);
  const ignored = new Map<string, number>();
  const links = new LiveLinks(resources);
  const ingress = new ChannelIngress({
    conversations: { submit: (message) => options.conversations().submit(message) },
    resources,
    pairing,
    links: () => links.current,
    digest,
    ignored(channel, what) {
      const key = `${channel} ${what}`;
      ignored.set(key, (ignored.get(key) ?? 0) + 1);
    },
  });
  const owners = new AccountOwners({
    ...options,
    registry,
    assignments,
    keyValue,
    bus,
    accept: (account, events) => ingress.accept(account, events),
  });
  const media = new MediaKeeper({ blobs, report });
  const outgoing = new Outgoing({ registry, owners, failures, media, clock, random, report });
  return {
    registry,
    assignments,
    owners,
    outgoing,
    ingress,
    pairing,
    failures,
    ignored,
    async close() {
      await owners.close();
      registry.close();
      links.close();
      await Promise.all([assignments.close(), pairing.close()]);
    },
  };
}

/** The identity links as they are looked up, made anew when one has changed. */
class LiveLinks {
  readonly #resources: ResourceStore;
  readonly #unlisten: () => void;
  #current: IdentityLinks | undefined;

  constructor(resources: ResourceStore) {
    this.#resources = resources;
    this.#unlisten = resources.onChange("IdentityLink", () => {
      this.#current = undefined;
    });
  }

  get current(): IdentityLinks {
    this.#current ??= indexIdentityLinks(this.#all());
    return this.#current;
  }

  close(): void {
    this.#unlisten();
  }

  *#all(): Generator<IdentityLink> {
    for (let after: string | undefined; ; ) {
      const range = { limit: 1_000, ...(after !== undefined && { after }) };
      const page = this.#resources.list("IdentityLink", undefined, range);
      for (const item of page.items) if (item.kind === "IdentityLink") yield item;
      if (page.next === undefined) return;
      after = page.next;
    }
  }
}
