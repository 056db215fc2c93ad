import { HoldfastError, limits, namePattern } from "@holdfast/core";
import { isLoopbackHost } from "./cluster/discover-spec.ts";
import { z } from "zod";
import { parseFailpoint } from "./failpoint-killer.ts";
import { defaultGatewayPort, type GatewayPort } from "./gateway/index.ts";

const labelsExpected = `expected ${limits.nodeLabels} labels at most, names up to ${limits.nodeLabelNameChars} characters, values up to ${limits.nodeLabelChars}`;

const settingsSchema = z.object({
  /** Only checked here, so that it is named together with everything else that is wrong. */
  HOLDFAST_PORT: z
    .string()
    .refine((text) => /^\d*$/.test(text) && Number(text) <= 65_535, "expected 0 to 65535")
    .optional(),
  /** Where clients of OpenClaw's gateway connect; `off` for nowhere. */
  HOLDFAST_GATEWAY_PORT: z
    .string()
    .refine(
      (text) => text === "off" || (/^\d*$/.test(text) && Number(text) <= 65_535),
      "expected 0 to 65535, or off",
    )
    .optional(),
  /** Without it: `info`, but `warn` where a person looks at the terminal. */
  HOLDFAST_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).optional(),
  /** Set when a cell is created; it cannot be changed afterwards. */
  HOLDFAST_PARTITIONS: z.coerce.number().int().min(1).max(256).default(8),
  /** Servers of a NATS cluster that somebody else runs, divided by commas. */
  HOLDFAST_ENGINE: z
    .string()
    .refine(areServers, "expected nats://host:port or tls://host:port, one scheme for all")
    .optional(),
  /** File with the user name in the first line and the password in the second. */
  HOLDFAST_ENGINE_CREDENTIALS: z.string().optional(),
  /** PEM file of the authority that signed the servers' certificates; the system's authorities without. */
  HOLDFAST_ENGINE_CA: z.string().min(1).optional(),
  HOLDFAST_ENGINE_REPLICAS: z.coerce.number().int().min(1).max(5).default(3),
  /** `on`: TLS also on loopback; else a loopback port takes both, and everything beyond it needs TLS. */
  HOLDFAST_TLS: z.enum(["auto", "on"]).default("auto"),
  /** A new node's name; without it one is made up. */
  HOLDFAST_NODE: z
    .string()
    .regex(namePattern, "expected 1 to 63 characters of a-z 0-9 -")
    .optional(),
  /** Host or address at which others reach the node, when it is not the one it listens at. */
  HOLDFAST_ADVERTISE: z.string().min(1).optional(),
  /** Ports of the engine for clients and for other engines. */
  HOLDFAST_ENGINE_PORTS: z
    .string()
    .refine(areTwoPorts, "expected two different ports, 1 to 65535: CLIENTS,ENGINES")
    .optional(),
  /** `off`: not announced in the local network; `on`: also on loopback, where nobody else could come from. */
  HOLDFAST_MDNS: z.enum(["on", "off"]).optional(),
  /** DNS servers for `--discover dns:NAME` in place of the machine's: ADDRESS:PORT, divided by commas. */
  HOLDFAST_DNS: z.string().min(1).optional(),
  HOLDFAST_ZONE: z.string().max(limits.nodeLabelChars).default(""),
  HOLDFAST_LABELS: z
    .string()
    .regex(/^([^=,]+=[^=,]*(,[^=,]+=[^=,]*)*)?$/, "expected NAME=VALUE,NAME=VALUE")
    .refine(areLabels, labelsExpected)
    .default(""),
  /** How much work the node takes compared with a usual one. */
  HOLDFAST_CAPACITY: z.coerce.number().positive().max(1_000).default(1),
  /** Turns that run at once on this node. */
  HOLDFAST_TURNS: z.coerce.number().int().min(1).max(limits.turnsInFlight).optional(),
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
  /** Undefined: clients of OpenClaw's gateway have nowhere to connect. */
  readonly gatewayPort: GatewayPort | undefined;
  readonly partitions: number;
  readonly externalEngine:
    | {
        readonly servers: string[];
        readonly credentials: string | undefined;
        /** Of `tls://` servers only. */
        readonly authority: string | undefined;
        readonly replicas: number;
      }
    | undefined;
  readonly failpoint: string | undefined;
  /** True when the API takes nothing but TLS. */
  readonly isTlsOnly: boolean;
  readonly node: string | undefined;
  readonly advertise: string | undefined;
  readonly enginePorts: { readonly client: number; readonly route: number } | undefined;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: number;
  readonly turns: number | undefined;
  readonly mdns: "on" | "off" | undefined;
  readonly dnsServers: readonly string[] | undefined;
}

/** The node's settings from its environment. Errors: `invalid_configuration` with every fault. */
export function readSettings(env: NodeJS.ProcessEnv, host: string): Settings {
  const parsed = settingsSchema.safeParse(env);
  const details = (parsed.error?.issues ?? []).map((issue) => ({
    path: issue.path.join("."),
    message: issue.message,
  }));
  if (parsed.data && wouldShowLogin(parsed.data)) {
    const message =
      "HOLDFAST_ENGINE_CREDENTIALS would go in the clear to another machine: expected tls://host:port";
    details.push({ path: "HOLDFAST_ENGINE", message });
  }
  if (parsed.data && isApiPort(parsed.data)) {
    const message = "expected other ports than the API's, HOLDFAST_PORT";
    details.push({ path: "HOLDFAST_ENGINE_PORTS", message });
  }
  if (!parsed.data || details.length > 0) {
    const shown = details.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new HoldfastError("invalid_configuration", `The node's settings are wrong: ${shown}.`, {
      details,
    });
  }
  const { data } = parsed;
  return {
    gatewayPort: gatewayPortOf(data.HOLDFAST_GATEWAY_PORT),
    logLevel: data.HOLDFAST_LOG_LEVEL ?? (process.stderr.isTTY ? "warn" : "info"),
    partitions: data.HOLDFAST_PARTITIONS,
    externalEngine: data.HOLDFAST_ENGINE
      ? {
          servers: data.HOLDFAST_ENGINE.split(","),
          credentials: data.HOLDFAST_ENGINE_CREDENTIALS,
          authority: data.HOLDFAST_ENGINE_CA,
          replicas: data.HOLDFAST_ENGINE_REPLICAS,
        }
      : undefined,
    failpoint: data.HOLDFAST_FAILPOINT,
    isTlsOnly: data.HOLDFAST_TLS === "on" || !isLoopbackHost(host),
    node: data.HOLDFAST_NODE,
    advertise: data.HOLDFAST_ADVERTISE,
    enginePorts: portsOf(data.HOLDFAST_ENGINE_PORTS),
    zone: data.HOLDFAST_ZONE,
    labels: labelsOf(data.HOLDFAST_LABELS),
    capacity: data.HOLDFAST_CAPACITY,
    turns: data.HOLDFAST_TURNS,
    mdns: data.HOLDFAST_MDNS,
    dnsServers: data.HOLDFAST_DNS?.split(","),
  };
}

/** Mixed schemes would leave it to chance whether a connection is guarded. */
function areServers(text: string): boolean {
  const urls = text.split(",").map((server) => URL.parse(server));
  const [first] = urls;
  return (
    /^(nats|tls):$/.test(first?.protocol ?? "") &&
    urls.every((url) => url?.protocol === first?.protocol && url?.hostname && !url.username)
  );
}

function wouldShowLogin(data: z.infer<typeof settingsSchema>): boolean {
  const { HOLDFAST_ENGINE: servers, HOLDFAST_ENGINE_CREDENTIALS: credentials } = data;
  if (!servers?.startsWith("nats:") || credentials === undefined) return false;
  return servers.split(",").some((server) => !isLoopbackHost(URL.parse(server)?.hostname ?? ""));
}

function gatewayPortOf(text: string | undefined): GatewayPort | undefined {
  if (text === "off") return undefined;
  if (!text) return { number: defaultGatewayPort, isChosen: false };
  return { number: Number(text), isChosen: true };
}

function isApiPort(data: z.infer<typeof settingsSchema>): boolean {
  const ports = portsOf(data.HOLDFAST_ENGINE_PORTS);
  return [ports?.client, ports?.route].includes(Number(data.HOLDFAST_PORT));
}

function areTwoPorts(text: string): boolean {
  const { client = 0, route = 0 } = portsOf(text) ?? {};
  return (
    /^\d+,\d+$/.test(text) &&
    client !== route &&
    [client, route].every((port) => port >= 1 && port <= 65_535)
  );
}

function areLabels(text: string): boolean {
  const labels = text.split(",").map((label) => label.split("=", 2));
  const isShort = ([name = "", value = ""]: string[]) =>
    name.length <= limits.nodeLabelNameChars && value.length <= limits.nodeLabelChars;
  return labels.length <= limits.nodeLabels && labels.every(isShort);
}

function portsOf(text: string | undefined) {
  if (text === undefined) return undefined;
  const [client = 0, route = 0] = text.split(",").map(Number);
  return { client, route };
}

function labelsOf(text: string): Record<string, string> {
  if (text === "") return {};
  return Object.fromEntries(text.split(",").map((label) => label.split("=", 2)));
}
