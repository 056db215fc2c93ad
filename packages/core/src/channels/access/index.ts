export { chooseAgent } from "./choose-agent.ts";
export { conversationOf } from "./conversation-of.ts";
export { decideAccess } from "./decide-access.ts";
export { type IdentityLinks, indexIdentityLinks, linkFaults } from "./identity-links.ts";
export { inputText } from "./input-text.ts";
export { createPairing, type Pairing, type PairingList } from "./pairing.ts";
export { channelAccessBucket, type PairedSender, type PendingPairing } from "./pairing-records.ts";
