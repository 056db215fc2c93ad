import type { Clock, Model, ModelRequest, Random, ResourceStore } from "@holdfast/core";
import { type Environment, type ReadFile, readTextFile } from "../secrets.ts";
import { CircuitBreakers, type CircuitState } from "./circuit-breaker.ts";
import { echoModel, streamEcho } from "./demo-echo.ts";
import { createProviders } from "./providers.ts";
import { streamAnswer } from "./resilient-answer.ts";

export interface ModelGatewayOptions {
  readonly resources: Pick<ResourceStore, "provider">;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: Environment;
  readonly readFile?: ReadFile;
}

/** A provider whose last call failed. */
export interface ProviderStatus {
  readonly organization: string;
  readonly provider: string;
  /** Without user name, password and query. */
  readonly baseUrl: string;
  readonly circuit: CircuitState;
  readonly consecutiveFailures: number;
  readonly lastFailure: string;
  readonly retryAfterMs?: number;
}

export interface ModelGateway extends Model {
  /** Providers in trouble; those that answer are not listed. */
  status(): readonly ProviderStatus[];
}

const echoTitle = `demo/${echoModel}`;

/**
 * The Model port over AI SDK's providers and the built-in demo. It calls the providers' clients directly:
 * `streamText` would add its own tool loop, re-parse tool arguments, and cost twice the time per token.
 */
export function createModelGateway(options: ModelGatewayOptions): ModelGateway {
  const { resources, clock, random, env, readFile = readTextFile } = options;
  const breakers = new CircuitBreakers(clock);
  const providers = createProviders({ resources, env, readFile });
  const dependencies = { clock, random, breakers, providers };
  return {
    stream(request: ModelRequest, signal: AbortSignal) {
      if (request.model === echoTitle && !resources.provider(request.organization, "demo")) {
        return streamEcho(request, echoTitle, signal);
      }
      return streamAnswer(dependencies, request, signal);
    },
    status: () =>
      breakers.status().map(({ key, state, ...rest }) => {
        const [organization = "", provider = "", baseUrl = ""] = JSON.parse(key) as string[];
        return { organization, provider, baseUrl: publicUrl(baseUrl), circuit: state, ...rest };
      }),
  };
}

function publicUrl(text: string): string {
  const url = URL.parse(text);
  return url ? `${url.origin}${url.pathname}` : "(not a URL)";
}
