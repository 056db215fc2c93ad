import { type AgentRef, partitionOf } from "@holdfast/core";
import { conversationPath } from "./api-client.ts";

export interface PlacedAgentsOptions {
  readonly organization: string;
  readonly partitions: number;
  readonly agentsPerPartition: number;
}

/** Agents of one provider, as many in each partition; conversations take the partitions in turn. */
export class PlacedAgents {
  readonly #organization: string;
  readonly #agents: readonly string[][];

  constructor({ organization, partitions, agentsPerPartition }: PlacedAgentsOptions) {
    this.#organization = organization;
    this.#agents = Array.from({ length: partitions }, () => []);
    for (let number = 0; this.#agents.some((own) => own.length < agentsPerPartition); number += 1) {
      const agent = `agent-${number}`;
      const own = this.#agents[partitionOf({ organization, agent } as AgentRef, partitions)];
      if (own && own.length < agentsPerPartition) own.push(agent);
    }
  }

  partitionOf(conversation: number): number {
    return conversation % this.#agents.length;
  }

  pathOf(conversation: number): string {
    const own = this.#agents[this.partitionOf(conversation)] ?? [];
    const agent = own[Math.floor(conversation / this.#agents.length) % own.length] ?? "";
    return conversationPath(this.#organization, agent, `c${conversation}`);
  }

  resources(modelUrl: string): object[] {
    const organization = this.#organization;
    const type = "openai-compatible";
    return [
      { kind: "Organization", name: organization },
      { kind: "Provider", organization, name: "bench", type, baseUrl: modelUrl },
      ...this.#agents.flat().map((name) => ({
        kind: "Agent",
        organization,
        name,
        model: "bench/model",
        // Conversations get long; what the model is told of them costs the same all the time.
        limits: { maxContextChars: 2_000 },
      })),
    ];
  }
}
