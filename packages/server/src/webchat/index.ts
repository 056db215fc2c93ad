export { isChatUpgrade } from "./chat-endpoint.ts";
export { chatUpgradeEvent, webchatRoutes } from "./routes.ts";
