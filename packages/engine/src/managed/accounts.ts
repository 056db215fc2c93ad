import { busPrefix, peerPrefix } from "../nats/nats-bus.ts";
import { blobStream, bucketStream, logStream } from "../nats/streams.ts";

/** A node that may connect to the engine. */
export interface EngineUser {
  readonly node: string;
  readonly role: "store" | "compute";
  /** SHA-256 of the public key of its servers' certificates, in hex; of store nodes. */
  readonly engineKey?: string;
}

/** The engine's accounts, whose users are named by the URI in their certificate. */
export interface EngineAccounts {
  readonly accounts: Readonly<Record<string, Account>>;
  /** Who may open routes. */
  readonly engine: string;
}

interface Account {
  readonly jetstream?: "enabled";
  readonly users?: readonly NatsUser[];
  readonly exports?: readonly Export[];
  readonly imports?: readonly Import[];
}

type Export =
  | { readonly stream: string }
  | {
      readonly service: string;
      readonly response_type?: "stream";
      readonly threshold: string;
      readonly accounts?: readonly string[];
    };

type Import = { readonly stream: Source; readonly to?: string } | { readonly service: Source };

interface Source {
  readonly account: string;
  readonly subject: string;
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

/** Holds the data; its users are the store nodes. */
const dataAccount = "HOLDFAST";
/** Has no users: lets owners of partitions truncate what is theirs, and nothing else. */
const truncationAccount = "TRUNCATION";

/** What compute nodes write. A bucket that is not named here is the store nodes' alone. */
const sharedBuckets = [
  "memory",
  "checkpoints",
  "history",
  "dead-letters",
  "channel-access",
  "channel-cursors",
  "failed-deliveries",
  "sessions",
];
const readableBuckets = [...sharedBuckets, "resources", "tokens", "assignments", "cluster"];
/** Holds keys of the authority: not even readable. */
const secretBucket = "authority";

/** More than any cluster has. */
const maxPartitions = 256;
/** How long the engine remembers where an answer goes; longer than anybody waits for one. */
const answerTime = "10s";

/** What every server's certificate names. */
export function engineIdentity(cluster: string): string {
  return `spiffe://${cluster}/engine`;
}

/**
 * A server publishes the answer to a request itself, under whatever subject the request names, and no
 * permission stands in its way. So each compute node has an account of its own: what it may not publish is
 * not imported there, and an answer does not leave it for anything else.
 *
 * What one account gives to `HOLDFAST` is not handed on to others on the same server, only over a route. So
 * compute nodes on one server hear each other directly, and only there: on each server their accounts
 * have other names.
 */
export function engineAccounts(
  cluster: string,
  self: string,
  users: readonly EngineUser[],
): EngineAccounts {
  const accountOf = (node: string, store = self) => `${node}@${store}`;
  const name = (kind: string) => `spiffe://${cluster}/${kind}`;
  const nodes = users.map(({ node }) => node);
  const stores = users.filter(({ role }) => role === "store");
  const computes = users.filter(({ role }) => role === "compute");
  return {
    engine: engineIdentity(cluster),
    accounts: {
      SYS: { users: stores.map(({ node }) => ({ user: name(`operator/${node}`) })) },
      [dataAccount]: {
        jetstream: "enabled",
        users: stores.map(({ node }) => ({
          user: name(`node/${node}`),
          permissions: storePermissions(node, nodes),
        })),
        exports: [
          ...servicesOf("*").map(toService),
          { ...toService(purge("*")), accounts: [truncationAccount] },
          toService(streamlessInfo),
          ...streamsOf("*").map((stream) => ({ stream })),
        ],
      },
      [truncationAccount]: {
        exports: [toService(purge("*"))],
        imports: [
          importService(streamlessInfo),
          ...truncatedStreams().map((stream) => importService(purge(stream))),
        ],
      },
      // Without their names a server would note each subscription there as an error.
      ...Object.fromEntries(
        stores.flatMap((store) => computes.map(({ node }) => [accountOf(node, store.node), {}])),
      ),
      ...Object.fromEntries(
        computes.map(({ node }) => [
          accountOf(node),
          {
            users: [{ user: name(`node/${node}`), permissions: computePermissions(node) }],
            imports: [
              ...servicesOf(node).map((service) => importService(service)),
              importService(purge("*"), truncationAccount),
              importService(streamlessInfo),
              ...streamsOf(node).map((subject) => ({
                stream: { account: dataAccount, subject },
              })),
              ...computes
                .filter((peer) => peer.node !== node)
                .flatMap((peer) =>
                  busOf(peer.node, node).map((subject) => ({
                    stream: { account: accountOf(peer.node), subject },
                    to: subject.replace(busPrefix, peerPrefix),
                  })),
                ),
            ],
            exports: busOf(node, "*").map((stream) => ({ stream })),
          },
        ]),
      ),
    },
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

/** Says no at once; the imports of its account hold also where no permission is asked. */
function computePermissions(self: string) {
  const secret = bucketStream(secretBucket);
  return {
    publish: {
      allow: [...servicesOf(self), purge("*")],
      deny: [
        ...readApis.map((api) => `${api}.${secret}`),
        // Logs have no names that a pattern could tell from those of buckets.
        ...[...readableBuckets, secretBucket].map((bucket) => purge(bucketStream(bucket))),
      ],
    },
    subscribe: {
      allow: [
        `${inboxPrefixOf(self)}.>`,
        "hf.tail.>",
        ...[busPrefix, peerPrefix].flatMap((prefix) => [
          `${prefix}node.${self}.>`,
          `${prefix}heartbeat.*`,
          `${prefix}partition.>`,
        ]),
      ],
      deny: [`hf.tail.kv.${secretBucket}.>`],
    },
  };
}

const directGet = "$JS.API.DIRECT.GET";
const readApis = ["$JS.API.STREAM.INFO", "$JS.API.STREAM.MSG.GET", directGet];

/**
 * An account without streams gets all of `$JS.API` from the server, to be told that it has none, unless it
 * imports this from elsewhere. No user may ask it.
 */
const streamlessInfo = "$JS.API.INFO";

function purge(stream: string): string {
  return `$JS.API.STREAM.PURGE.${stream}`;
}

function truncatedStreams(): string[] {
  const logs = Array.from({ length: maxPartitions }, (_, partition) => [
    logStream(`inbox-${partition}`),
    logStream(`journal-${partition}`),
  ]);
  return [blobStream, ...logs.flat()];
}

/** What a compute node publishes and asks. */
function servicesOf(node: string): string[] {
  return [
    "hf.log.*",
    "hf.blob.>",
    ...sharedBuckets.map((bucket) => `hf.kv.${bucket}.>`),
    "hf.bus.node.*.>",
    "hf.bus.partition.>",
    `hf.bus.heartbeat.${node}`,
    `hf.bus.csr.${node}`,
    // That a process of it has started.
    `hf.kv.cluster.start.${node}`,
    ...readApis.map((api) => `${api}.*`),
  ];
}

/** What a compute node hears from others. */
function streamsOf(node: string): string[] {
  return [
    "hf.tail.log.*",
    ...readableBuckets.map((bucket) => `hf.tail.kv.${bucket}.>`),
    node === "*" ? "hf.bus.node.*.>" : `hf.bus.node.${node}.>`,
    "hf.bus.heartbeat.*",
    "hf.bus.partition.>",
  ];
}

/** What a compute node hears from another one. */
function busOf(from: string, to: string): string[] {
  return [`hf.bus.heartbeat.${from}`, "hf.bus.partition.>", `hf.bus.node.${to}.>`];
}

function toService(service: string) {
  // A batch has many answers.
  const isBatched = service.startsWith(directGet);
  return {
    service,
    threshold: answerTime,
    ...(isBatched && { response_type: "stream" as const }),
  };
}

function importService(subject: string, account = dataAccount): Import {
  return { service: { account, subject } };
}
