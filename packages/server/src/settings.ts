import { HoldfastError } from "@holdfast/core";
import { z } from "zod";
import { parseFailpoint } from "./failpoint-killer.ts";

const settingsSchema = z.object({
  /** Only checked here, so that it is named together with everything else that is wrong. */
  HOLDFAST_PORT: z
    .string()
    .refine((text) => /^\d*$/.test(text) && Number(text) <= 65_535, "expected 0 to 65535")
    .optional(),
  /** Without it: `info`, but `warn` where a person looks at the terminal. */
  HOLDFAST_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).optional(),
  /** Set when a cell is created; it cannot be changed afterwards. */
  HOLDFAST_PARTITIONS: z.coerce.number().int().min(1).max(256).default(4),
  /** Servers of a NATS cluster that somebody else runs, divided by commas. */
  HOLDFAST_ENGINE: z
    .string()
    .regex(/^(nats|tls):\/\//, "expected nats://host:port or tls://host:port")
    .optional(),
  /** File with the user name in the first line and the password in the second. */
  HOLDFAST_ENGINE_CREDENTIALS: z.string().optional(),
  HOLDFAST_ENGINE_REPLICAS: z.coerce.number().int().min(1).max(5).default(3),
  HOLDFAST_FAILPOINT: z
    .string()
    .refine(
      (text) => text === "" || parseFailpoint(text),
      "expected a failpoint's number, or number:count",
    )
    .optional(),
});

export interface Settings {
  readonly logLevel: string;
  readonly partitions: number;
  readonly externalEngine:
    | {
        readonly servers: string[];
        readonly credentials: string | undefined;
        readonly replicas: number;
      }
    | undefined;
  readonly failpoint: string | undefined;
}

/** The node's settings from its environment. Errors: `invalid_configuration` with every fault. */
export function readSettings(env: NodeJS.ProcessEnv, host: string): Settings {
  const parsed = settingsSchema.safeParse(env);
  const details = (parsed.error?.issues ?? []).map((issue) => ({
    path: issue.path.join("."),
    message: issue.message,
  }));
  if (!isLoopback(host)) {
    details.push({
      path: "HOLDFAST_HOST",
      message: "expected a loopback address: beyond it nothing may listen without TLS",
    });
  }
  if (!parsed.data || details.length > 0) {
    const shown = details.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new HoldfastError("invalid_configuration", `The node's settings are wrong: ${shown}.`, {
      details,
    });
  }
  const { data } = parsed;
  return {
    logLevel: data.HOLDFAST_LOG_LEVEL ?? (process.stderr.isTTY ? "warn" : "info"),
    partitions: data.HOLDFAST_PARTITIONS,
    externalEngine: data.HOLDFAST_ENGINE
      ? {
          servers: data.HOLDFAST_ENGINE.split(","),
          credentials: data.HOLDFAST_ENGINE_CREDENTIALS,
          replicas: data.HOLDFAST_ENGINE_REPLICAS,
        }
      : undefined,
    failpoint: data.HOLDFAST_FAILPOINT,
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
