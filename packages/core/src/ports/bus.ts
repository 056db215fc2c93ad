/**
 * Soft messages between nodes: at most once, no storage. Order is kept from one publisher to one
 * subscriber. Subjects are dot-divided words; a subscription may use `*` (one word) and `>` (the rest).
 */
export interface Bus {
  publish(subject: string, data: Uint8Array): void;
  subscribe(subject: string, handle: (subject: string, data: Uint8Array) => void): Subscription;
}

export interface Subscription {
  close(): void;
}
