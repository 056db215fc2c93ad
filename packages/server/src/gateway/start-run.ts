import type { Client } from "./client.ts";
import type { NewRun, StartedRun } from "./hub.ts";
import { gatewayLimits } from "./limits.ts";
import { unavailable } from "./protocol.ts";

/**
 * Begins a run within what the client's token may have, behind those that the connection began in the
 * session before. Errors: `UNAVAILABLE`, those of `SessionHub.start`.
 */
export async function startRun(client: Client, wanted: NewRun): Promise<StartedRun> {
  const { usage, sends, services } = client;
  if (usage.runs >= gatewayLimits.runsPerToken) {
    throw unavailable(
      `this token has ${gatewayLimits.runsPerToken} runs that have not ended`,
      1_000,
    );
  }
  usage.runs += 1;
  try {
    const started = await sends.take(wanted.ref, () => services.hub.start(wanted));
    void started.run.ended.then(() => (usage.runs -= 1));
    return started;
  } catch (thrown) {
    usage.runs -= 1;
    throw thrown;
  }
}
