import type { Contender } from "./contender.ts";

/** No system at all: the load straight to the model. What the generator and the model can do at most. */
export const stubAlone: Contender = {
  name: "stub",
  workload: "handler",
  settings: "no system between: the load asks the stub model itself",
  async start({ stub, conversations }) {
    const { origin, pathname } = new URL(stub.url);
    const each = <Value>(value: Value) => Array.from({ length: conversations }, () => value);
    const target = {
      urls: [origin],
      paths: each(`${pathname}/chat/completions`),
      heads: [""],
      chat: each({ model: "stub", sessionKey: "none" }),
    };
    return {
      version: process.version,
      target: () => target,
      pids: () => [stub.pid],
      // Nothing of it can be killed without ending the bench's own measure.
      kill: async () => {},
      stop: async () => {},
    };
  },
};
