export { chooseAgent } from "./choose-agent.ts";
export { conversationOf, type ConversationChoice } from "./conversation-of.ts";
export {
  type AccessDecision,
  decideAccess,
  type IgnoreReason,
  ignoreReasons,
} from "./decide-access.ts";
export {
  type IdentityLinks,
  indexIdentityLinks,
  linkFaults,
  type SenderIdentity,
} from "./identity-links.ts";
export { inputText, speakerName } from "./input-text.ts";
export {
  createPairing,
  type Pairing,
  type PairingList,
  type PairingRequest,
  type PairingServices,
} from "./pairing.ts";
export { channelAccessBucket, type PairedSender, type PendingPairing } from "./pairing-records.ts";
