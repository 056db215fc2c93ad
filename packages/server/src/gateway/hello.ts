import { refOfAgent } from "./agent-names.ts";
import type { Client } from "./client.ts";
import { gatewayLimits } from "./limits.ts";
import { eventNames, methodNames } from "./methods/index.ts";
import { emptyHealth } from "./methods/status.ts";
import { protocolVersion } from "./protocol.ts";
import { mainKey } from "./session-keys.ts";

/** The answer to an accepted `connect`. */
export function helloOf(client: Client, connId: string, tickIntervalMs: number) {
  const { services, caller, connect, names } = client;
  const { version, clock, startedAt } = services;
  const now = clock.now();
  return {
    type: "hello-ok",
    protocol: protocolVersion,
    server: { version, connId },
    features: { methods: methodNames, events: eventNames, capabilities: [] },
    snapshot: {
      presence: services.presence(caller),
      health: emptyHealth(now),
      stateVersion: { presence: 0, health: 0 },
      uptimeMs: Math.round(clock.monotonic() - startedAt),
      sessionDefaults: sessionDefaults(names),
      authMode: "token",
    },
    auth: { role: connect.role, scopes: connect.scopes },
    policy: {
      maxPayload: gatewayLimits.frameBytes,
      maxBufferedBytes: gatewayLimits.bufferedBytes,
      tickIntervalMs,
    },
  };
}

function sessionDefaults(names: Client["names"]) {
  const first = names.list(1)[0];
  if (!first) return { defaultAgentId: "main", mainKey, mainSessionKey: `agent:main:${mainKey}` };
  const defaultAgentId = names.idOf(names.mustChoose ? refOfAgent(first) : names.defaultRef());
  return {
    defaultAgentId,
    selectionRequired: names.mustChoose,
    mainKey,
    mainSessionKey: `agent:${defaultAgentId}:${mainKey}`,
    scope: "per-sender",
  };
}
