import type { Client } from "./client.ts";

/** A client as others of its organization see it. */
export function describeClient({ connect, caller }: Client, now: number): object {
  const { client, role, scopes } = connect;
  return {
    host: client.displayName ?? client.id,
    version: client.version,
    platform: client.platform,
    mode: client.mode,
    reason: "connect",
    text: `${client.id} with token ${caller.name}`,
    roles: [role],
    scopes,
    ...(client.instanceId !== undefined && { instanceId: client.instanceId }),
    ts: now,
  };
}
