import { isIP } from "node:net";
import { limits, namePattern } from "@holdfast/core";
import { z } from "zod";
import { isHostName } from "./discover-spec.ts";

/** What a joining node and a store node say to each other, at this address. */
export const joinPath = "/api/v1/cluster/join";
/** Where a member asks for new certificates, without a token. */
export const renewPath = "/api/v1/cluster/renew";

const nodeName = z.string().regex(namePattern, "expected 1 to 63 characters of a-z 0-9 -");
const host = z
  .string()
  .refine((text) => isIP(text) !== 0 || isHostName(text), "expected a host name or an IP address");
const port = z.int().min(1).max(65_535);
const apiUrl = z.string().max(300).refine(isApiUrl, "expected https://HOST:PORT");
const pem = z.string().min(1).max(8_192);
const label = z.string().max(limits.nodeLabelChars);
/** HMAC-SHA-256, keyed with the SHA-256 of the join token's secret. */
const mac = z.string().regex(/^[0-9a-f]{64}$/);

const engineAddress = z.strictObject({ host, clientPort: port, routePort: port });

export const joinRequestSchema = z.strictObject({
  /**
   * By a join token, over all other fields; the token's secret stays where it is. Absent when a node that
   * is a member wants new certificates for its old keys.
   */
  proof: z.strictObject({ id: z.string().regex(/^[0-9a-z]{16}$/), mac }).optional(),
  cluster: nodeName,
  node: nodeName,
  role: z.enum(["store", "compute"]).optional(),
  url: apiUrl,
  version: z.string().min(1).max(100),
  /** The sender's clock, milliseconds since 1970. */
  now: z.int(),
  zone: label,
  labels: z
    .record(z.string().max(limits.nodeLabelNameChars), label)
    .refine(isSmall, `expected ${limits.nodeLabels} labels at most`),
  capacity: z.number().positive().max(1_000),
  /** What its certificates name. */
  hosts: z.array(host).min(1).max(limits.certificateHosts),
  engine: engineAddress,
  requests: z.strictObject({ node: pem, engine: pem, operator: pem }),
});

export const joinAnswerSchema = z.object({
  cluster: nodeName,
  role: z.enum(["store", "compute"]),
  partitions: z.int().min(1).max(256),
  version: z.string(),
  /** The authority that signed the certificates below, and all that are trusted now, as PEM texts. */
  authority: z.string(),
  bundle: z.array(z.string()).min(1),
  certificates: z.object({
    node: z.string(),
    engine: z.string().optional(),
    operator: z.string().optional(),
  }),
  /** Valid for longer, for the start after all nodes were off; only of store nodes. */
  reserve: z.object({ node: z.string(), engine: z.string(), operator: z.string() }).optional(),
  generation: z.int(),
  /** The engines of the other store nodes. */
  engines: z.array(engineAddress),
  /** Where store nodes' APIs are reached. */
  urls: z.array(z.string()),
  /** Over all other fields, where the request had one: by this the joining node knows a store node. */
  proof: mac.optional(),
});

/** Shown to a person, whoever sent it. */
const shown = z
  .string()
  .catch("")
  .transform((text) => text.slice(0, 1_000));

/** A refusal in the form of the API's errors. */
export const refusalSchema = z.object({
  error: z.object({
    code: z.string(),
    message: shown,
    details: z
      .array(z.object({ path: shown, message: shown }))
      .catch([])
      .transform((details) => details.slice(0, 50)),
  }),
});

export type JoinRequest = z.infer<typeof joinRequestSchema>;
export type JoinAnswer = z.infer<typeof joinAnswerSchema>;

function isApiUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || url.origin !== text) return false;
  return url.protocol === "https:";
}

function isSmall(labels: Record<string, string>): boolean {
  return Object.keys(labels).length <= limits.nodeLabels;
}
