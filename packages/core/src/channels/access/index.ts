export { chooseAgent } from "./choose-agent.ts";
export { conversationOf } from "./conversation-of.ts";
export { decideAccess } from "./decide-access.ts";
export { type IdentityLinks, indexIdentityLinks } from "./identity-links.ts";
export { inputText } from "./input-text.ts";
export { createPairing, type Pairing } from "./pairing.ts";
export { channelAccessBucket } from "./pairing-records.ts";
