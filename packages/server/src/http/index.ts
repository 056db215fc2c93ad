export { createHttpApi } from "./create-http-api.ts";
export type {
  Health,
  HealthCheck,
  HttpDependencies,
  HttpTiming,
  Metrics,
  Readiness,
} from "./dependencies.ts";
