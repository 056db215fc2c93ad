export { createHttpApi } from "./create-http-api.ts";
export type {
  Health,
  HealthCheck,
  Metrics,
  Readiness,
} from "./dependencies.ts";
export { endNodeTokens, nodeTokenName } from "./node-tokens.ts";
