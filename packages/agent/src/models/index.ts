export {
  createModelGateway,
  type ModelGateway,
  type ModelGatewayOptions,
  type ProviderStatus,
} from "./gateway.ts";
export { defaultModel, defaultModels, demoModel } from "./providers.ts";
