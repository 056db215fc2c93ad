/** What every contender gets: the same conversations of the same agents. */
export const organization = "bench";
export const agents = Array.from({ length: 50 }, (_, number) => `a${number}`);
export const conversations = 2_000;
export const textBytes = 500;

export function agentOf(conversation: number): string {
  return agents[conversation % agents.length] ?? "";
}

/** The address of each conversation in the product's API. */
export const apiPaths = Array.from(
  { length: conversations },
  (_, number) =>
    `/api/v1/orgs/${organization}/agents/${agentOf(number)}/conversations/c${number}/messages`,
);
