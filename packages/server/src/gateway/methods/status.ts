import { refOfAgent } from "../agent-names.ts";
import type { Client, Method } from "../client.ts";
import { ProtocolError } from "../protocol.ts";
import { sessionKeyOf } from "../session-keys.ts";
import { knownSessions, mainSessionKey } from "./sessions.ts";

/** How the node is, in the shapes that `openclaw health` and `openclaw status` print. */
export const statusMethods: Readonly<Record<string, Method>> = {
  health: { scope: "operator.read", run: ({ client }) => health(client) },
  status: { scope: "operator.read", run: ({ client }) => status(client) },
  "system-presence": {
    scope: "operator.read",
    run: ({ client }) => client.services.presence(client.caller),
  },
  "channels.status": { scope: "operator.read", run: ({ client }) => channels(client) },
  // Agents here act when somebody writes to them.
  "last-heartbeat": { scope: "operator.read", run: () => null },
};

/** Sessions that a summary shows of each agent, and agents that it shows. */
const recentSessions = 5;
const shownAgents = 100;

/** Errors: `UNAVAILABLE` when the node does not process messages. */
async function health(client: Client) {
  const { services } = client;
  const startedAt = services.clock.monotonic();
  const readiness = await services.health.ready();
  if (!readiness.ready) {
    const failed = readiness.checks.filter(({ ok }) => !ok);
    const why = failed.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
    throw new ProtocolError({
      code: "UNAVAILABLE",
      message: `the node does not process messages (${why})`,
      details: { checks: readiness.checks },
      retryable: true,
      retryAfterMs: 1_000,
    });
  }
  return {
    ok: true,
    ts: services.clock.now(),
    durationMs: Math.round(services.clock.monotonic() - startedAt),
    ...(await summary(client)),
  };
}

/** What needs no look at the engine: the part of `hello-ok` that says the same. */
export function emptyHealth(now: number) {
  return { ok: true, ts: now, durationMs: 0, channels: {}, channelOrder: [], channelLabels: {} };
}

async function summary(client: Client) {
  const { names, services } = client;
  const now = services.clock.now();
  const known = await knownSessions(client, undefined);
  const recent = (of: typeof known) => ({
    path: "cluster",
    count: of.length,
    recent: of.slice(0, recentSessions).map(({ ref, at }) => ({
      key: sessionKeyOf(names, ref),
      updatedAt: at,
      age: Math.max(0, now - at),
    })),
  });
  const byDefault = names.mustChoose ? undefined : names.idOf(names.defaultRef());
  const agents = names.list(shownAgents).map((agent) => {
    const agentId = names.idOf(refOfAgent(agent));
    return {
      agentId,
      name: agent.displayName ?? agent.name,
      isDefault: agentId === byDefault,
      heartbeat: noHeartbeat,
      sessions: recent(known.filter(({ ref }) => names.idOf(ref) === agentId)),
    };
  });
  return {
    channels: {},
    channelOrder: [],
    channelLabels: {},
    heartbeatSeconds: 0,
    ...(byDefault !== undefined && { defaultAgentId: byDefault }),
    agents,
    sessions: recent(known),
  };
}

const noHeartbeat = {
  enabled: false,
  every: "disabled",
  everyMs: null,
  prompt: "",
  target: "none",
  ackMaxChars: 0,
};

async function status(client: Client) {
  const { services, names } = client;
  const now = services.clock.now();
  const known = await knownSessions(client, undefined);
  const byDefault = names.mustChoose ? undefined : names.defaultRef();
  const rows = known.slice(0, 10).map(({ ref, at }) => ({
    agentId: names.idOf(ref),
    key: sessionKeyOf(names, ref),
    kind: "direct",
    sessionId: ref.conversation,
    updatedAt: at,
    age: Math.max(0, now - at),
    flags: [],
  }));
  const agents = names.list(shownAgents).map((agent) => names.idOf(refOfAgent(agent)));
  return {
    runtimeVersion: services.version,
    ...(byDefault && { defaultAgentId: names.idOf(byDefault) }),
    heartbeat: {
      defaultAgentId: byDefault ? names.idOf(byDefault) : (agents[0] ?? "main"),
      agents: agents.map((agentId) => ({
        agentId,
        enabled: false,
        every: "disabled",
        everyMs: null,
      })),
    },
    channelSummary: [],
    queuedSystemEvents: [],
    tasks: noTasks,
    taskAudit: { total: 0, warnings: 0, errors: 0, byCode: {} },
    sessions: {
      paths: ["cluster"],
      count: known.length,
      defaults: { model: null, contextTokens: null },
      recent: rows,
      byAgent: agents.map((agentId) => {
        const own = rows.filter((row) => row.agentId === agentId);
        return { agentId, path: "cluster", count: own.length, recent: own };
      }),
    },
    ...(byDefault && { mainSessionKey: mainSessionKey(client, byDefault) }),
    uptimeMs: Math.round(services.clock.monotonic() - services.startedAt),
  };
}

const noTasks = {
  total: 0,
  active: 0,
  terminal: 0,
  failures: 0,
  byStatus: { queued: 0, running: 0, succeeded: 0, failed: 0, timed_out: 0, cancelled: 0, lost: 0 },
  byRuntime: { subagent: 0, acp: 0, cli: 0, cron: 0 },
};

/** Channel accounts are shown by `holdfast get`; what OpenClaw's own client configures is not here. */
function channels(client: Client) {
  return {
    ts: client.services.clock.now(),
    channelOrder: [],
    channelLabels: {},
    channels: {},
    channelAccounts: {},
    channelDefaultAccountId: {},
  };
}
