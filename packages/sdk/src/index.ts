export type { AdministrationCalls } from "./administration.ts";
export { type Client, type ClientOptions, createClient } from "./client.ts";
export { type ConversationCalls, newIdempotencyKey } from "./conversations.ts";
export type { Fetch } from "./http.ts";
export { clientLimits } from "./limits.ts";
export { paged } from "./paging.ts";
export type { ResourceAddress, ResourceCalls } from "./resources.ts";
export type * from "./types.ts";
