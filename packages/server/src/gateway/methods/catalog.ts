import { z } from "zod";
import { refOfAgent } from "../agent-names.ts";
import type { Call, Client, Method } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { agentIdText, readParams } from "../params.ts";
import { conversationOf, mainKey } from "../session-keys.ts";
import { fallbackModels, primaryModel } from "./agent-views.ts";

/** What clients choose from. Lists of what does not exist here are empty. */
export const catalogMethods: Readonly<Record<string, Method>> = {
  "agents.list": { scope: "operator.read", run: ({ client }) => listAgents(client) },
  "agent.identity.get": { scope: "operator.read", run: identity },
  "models.list": { scope: "operator.read", run: ({ client }) => listModels(client) },
  "commands.list": { scope: "operator.read", run: () => ({ commands: [] }) },
  "question.list": { scope: "operator.read", run: () => ({ questions: [] }) },
  "plugin.approval.list": { scope: "operator.read", run: () => [] },
  "exec.approval.list": { scope: "operator.read", run: () => [] },
  "node.list": {
    scope: "operator.read",
    run: ({ client }) => ({ ts: client.services.clock.now(), nodes: [] }),
  },
};

function listAgents(client: Client) {
  const { names } = client;
  const agents = names.list();
  const first = agents[0] && refOfAgent(agents[0]);
  const byDefault = names.mustChoose ? first : names.defaultRef();
  return {
    defaultId: byDefault ? names.idOf(byDefault) : "main",
    ownership: agents.length === 1 ? "sole" : "explicit",
    selectionRequired: names.mustChoose,
    mainKey,
    scope: "per-sender",
    agents: agents.map((agent) => ({
      id: names.idOf(refOfAgent(agent)),
      kind: "agent",
      name: agent.displayName ?? agent.name,
      identity: { name: agent.displayName ?? agent.name },
      model: { primary: primaryModel(agent), fallbacks: fallbackModels(agent) },
    })),
  };
}

const identityParams = z.object({
  agentId: agentIdText,
  sessionKey: z.string().max(gatewayLimits.sessionKeyChars).optional(),
});

function identity({ client, params }: Call) {
  const { agentId, sessionKey } = readParams("agent.identity.get", identityParams, params);
  const ref = conversationOf(client.names, sessionKey, agentId);
  const name = client.names.agent(ref)?.displayName ?? ref.agent;
  return { agentId: client.names.idOf(ref), name, nameSource: "config", avatarStatus: "none" };
}

/** The models of the agents. */
function listModels({ names }: Client) {
  const found = new Set<string>();
  for (const agent of names.list()) {
    for (const model of [primaryModel(agent), ...fallbackModels(agent)]) found.add(model);
  }
  const models = [...found].sort().map((model) => {
    const slash = model.indexOf("/");
    const id = model.slice(slash + 1);
    return { id, name: id, provider: slash < 0 ? "holdfast" : model.slice(0, slash) };
  });
  return { models };
}
