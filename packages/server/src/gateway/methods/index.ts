import type { Method } from "../client.ts";
import { agentMethods } from "./agent.ts";
import { catalogMethods } from "./catalog.ts";
import { chatMethods } from "./chat.ts";
import { sessionMethods } from "./sessions.ts";
import { statusMethods } from "./status.ts";

const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries({
    ...agentMethods,
    ...catalogMethods,
    ...chatMethods,
    ...sessionMethods,
    ...statusMethods,
  }),
);

export function methodOf(name: string): Method | undefined {
  return methods.get(name);
}

export const methodNames: readonly string[] = [...methods.keys()].sort();
export const eventNames: readonly string[] = [
  "agent",
  "chat",
  "connect.challenge",
  "session.message",
  "sessions.changed",
  "shutdown",
  "tick",
];
