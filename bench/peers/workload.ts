/** What every contender gets. */
export const organization = "bench";
export const messageBytes = 200;

/** Characters of a conversation's newest messages that go to the model with each message. */
export const windowChars = 8_000;

/** Agents that a Holdfast's bare conversations belong to, as in bench:path. */
export const handlerAgents = 50;

/** Of the organization, so that no token's own limit of requests is in the way. */
export const tokenCount = 4;
