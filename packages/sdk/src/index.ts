export type { AdministrationCalls } from "./administration.ts";
export type {
  AccountAddress,
  AccountState,
  ChannelCalls,
  CheckedAccount,
  DeliveryAction,
  DeliveryFailure,
  DeliveryState,
  DeliveryView,
  PairedPerson,
  Pairings,
  PendingPerson,
} from "./channels.ts";
export { type Client, type ClientOptions, createClient } from "./client.ts";
export type { ClusterCalls, CreatedJoinToken, JoinTokenInfo, NodeRole } from "./cluster.ts";
export { type ConversationCalls, newIdempotencyKey } from "./conversations.ts";
export type { Fetch } from "./http.ts";
export { clientLimits } from "./limits.ts";
export type {
  AuthorityNode,
  AuthorityStatus,
  AuthorityStep,
  ClusterNode,
  Operation,
  OperatorCalls,
  PartitionStatus,
  RepairPlan,
} from "./operators.ts";
export { paged } from "./paging.ts";
export type { ResourceAddress, ResourceCalls } from "./resources.ts";
export { mayGetToken } from "./store-nodes.ts";
export type * from "./types.ts";
