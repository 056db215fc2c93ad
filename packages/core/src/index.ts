export * from "./cluster/records.ts";
export * from "./conversations.ts";
export * from "./deliveries.ts";
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./limits.ts";
export * from "./messages.ts";
export * from "./cluster/cluster-admin.ts";
export type { NodeFacts } from "./cluster/heartbeats.ts";
export type { Membership } from "./cluster/membership.ts";
export * from "./cluster/records.ts";
export {
  chooseAgent,
  conversationOf,
  decideAccess,
  type IdentityLinks,
  indexIdentityLinks,
} from "./channels/access/index.ts";
export type { AccountReport } from "./channels/account-owners.ts";
export type { Channels } from "./channels/create-channels.ts";
export * from "./node-runtime.ts";
export { Checkpoints } from "./path/checkpoints.ts";
export { HandedSteps } from "./path/handed-steps.ts";
export { DeadLetters } from "./path/dead-letters.ts";
export { messageIdOf } from "./path/ingress.ts";
export { HistoryPages } from "./path/history.ts";
export { Partition } from "./path/partition.ts";
export type { DeliveryFailure } from "./path/outgoing-channels.ts";
export { Pending } from "./path/pending.ts";
export { partitionOf } from "./path/router.ts";
export { storagePlan } from "./path/storage-plan.ts";
export { TurnScheduler } from "./path/turn-scheduler.ts";
export * from "./ports/failpoints.ts";
export * from "./ports/blob-store.ts";
export * from "./ports/bus.ts";
export * from "./ports/channel.ts";
export * from "./ports/clock.ts";
export * from "./ports/engine.ts";
export * from "./ports/key-value.ts";
export * from "./ports/message-log.ts";
export * from "./ports/model.ts";
export * from "./ports/random.ts";
export * from "./ports/tools.ts";
export * from "./resource-store.ts";
export * from "./resources.ts";
export {
  type OpenResourceStore,
  openResourceStore,
  type ResourceStoreDependencies,
} from "./resources/open-resource-store.ts";
export { resourceBucket } from "./resources/stored-resource.ts";
