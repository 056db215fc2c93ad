export {
  defaultGatewayPort,
  type GatewayPort,
  startGateway,
} from "./start-gateway.ts";
export { sessionBucket } from "./session-index.ts";
