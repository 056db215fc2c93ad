export {
  createModelGateway,
  type ModelGateway,
  type ModelGatewayOptions,
  type ProviderStatus,
} from "./gateway.ts";
export { defaultModel } from "./providers.ts";
