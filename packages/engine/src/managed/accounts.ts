/** A node that may connect to the engine. */
export interface EngineUser {
  readonly node: string;
  readonly role: "store" | "compute";
}

/** Users of the engine's accounts, named by the URI in their certificate. */
export interface EngineAccounts {
  readonly holdfast: readonly NatsUser[];
  readonly system: readonly NatsUser[];
  /** Who may open routes. */
  readonly engine: string;
}

interface NatsUser {
  readonly user: string;
  readonly permissions?: {
    readonly publish: Subjects;
    readonly subscribe: Subjects;
  };
}

interface Subjects {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** Where a node's answers arrive. Nobody else may listen there. */
export function inboxPrefixOf(node: string): string {
  return `_INBOX_${node}`;
}

/** What every node writes. A bucket that is not named here is the store nodes' alone. */
const sharedBuckets = ["resources", "tokens", "memory", "checkpoints", "history", "dead-letters"];
const storeBuckets = ["assignments", "cluster", "authority"];
/** Holds keys of the authority: not even readable. */
const secretBucket = "authority";

/** What every server's certificate names. */
export function engineIdentity(cluster: string): string {
  return `spiffe://${cluster}/engine`;
}

export function engineAccounts(cluster: string, users: readonly EngineUser[]): EngineAccounts {
  const name = (kind: string) => `spiffe://${cluster}/${kind}`;
  const nodes = users.map(({ node }) => node);
  return {
    engine: engineIdentity(cluster),
    holdfast: users.map(({ node, role }) => ({
      user: name(`node/${node}`),
      permissions: role === "store" ? storePermissions(node, nodes) : computePermissions(node),
    })),
    system: users
      .filter(({ role }) => role === "store")
      .map(({ node }) => ({ user: name(`operator/${node}`) })),
  };
}

/** Everything but what only another node may say, and what is said to another node alone. */
function storePermissions(self: string, nodes: readonly string[]) {
  const others = nodes.filter((node) => node !== self);
  return {
    publish: {
      allow: ["hf.>", "$JS.API.>"],
      deny: others.flatMap((node) => [`hf.bus.heartbeat.${node}`, `hf.bus.csr.${node}`]),
    },
    subscribe: {
      allow: ["hf.>", `${inboxPrefixOf(self)}.>`],
      deny: others.map((node) => `hf.bus.node.${node}.>`),
    },
  };
}

function computePermissions(self: string) {
  const buckets = [...sharedBuckets, ...storeBuckets];
  const secret = `HF_KV_${secretBucket}`;
  return {
    publish: {
      allow: [
        "hf.log.*",
        "hf.blob.>",
        ...sharedBuckets.map((bucket) => `hf.kv.${bucket}.>`),
        "hf.bus.node.*.>",
        "hf.bus.partition.>",
        `hf.bus.heartbeat.${self}`,
        `hf.bus.csr.${self}`,
        "$JS.API.STREAM.INFO.*",
        "$JS.API.STREAM.MSG.GET.*",
        "$JS.API.DIRECT.GET.*",
        "$JS.API.STREAM.PURGE.*",
      ],
      deny: [
        `$JS.API.STREAM.INFO.${secret}`,
        `$JS.API.STREAM.MSG.GET.${secret}`,
        `$JS.API.DIRECT.GET.${secret}`,
        // Logs have no names that a pattern could tell from those of buckets.
        ...buckets.map((bucket) => `$JS.API.STREAM.PURGE.HF_KV_${bucket}`),
      ],
    },
    subscribe: {
      allow: [
        `${inboxPrefixOf(self)}.>`,
        "hf.tail.>",
        `hf.bus.node.${self}.>`,
        "hf.bus.heartbeat.*",
        "hf.bus.partition.>",
      ],
      deny: [`hf.tail.kv.${secretBucket}.>`],
    },
  };
}
