export {
  createModelGateway,
  defaultModel,
  type ModelGateway,
  type ModelGatewayOptions,
  type ProviderStatus,
} from "./models/index.ts";
