import { existsSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError, namePattern } from "@holdfast/core";
import { z } from "zod";
import { readIfThere, removeFile, writeWhole } from "./atomic-file.ts";

/** Raised when older versions would misread the files below. */
const format = 1;
/** Room that is taken before a join and given back when its files are written. */
const reserveBytes = 256 * 1024;

const engineAddress = z.object({ host: z.string(), clientPort: z.int(), routePort: z.int() });
const request = z.object({ privateKeyPem: z.string(), csrPem: z.string() });
const requestsSchema = z.object({ node: request, engine: request, operator: request });
const storeCertificates = z.object({ node: z.string(), engine: z.string(), operator: z.string() });

const clusterFileSchema = z.object({
  cluster: z.string().regex(namePattern),
  node: z.string().regex(namePattern),
  role: z.enum(["store", "compute"]),
  isFounder: z.boolean(),
  /** Absent at the founder, whose engine knows. */
  partitions: z.int().optional(),
  /** Where the cluster knows this node's engine; chosen before a join. */
  engine: engineAddress.optional(),
  /** Where the engines and APIs of other store nodes were when this node looked last. */
  engines: z.array(engineAddress),
  urls: z.array(z.string()),
});

const identityFileSchema = z.object({
  requests: requestsSchema,
  certificates: storeCertificates.partial({ engine: true, operator: true }),
  /** For the start after all nodes were off for longer than certificates live. */
  reserve: storeCertificates.optional(),
  /** The authority that signed them. */
  authority: z.string(),
  /** All authorities that are trusted. */
  bundle: z.array(z.string()).min(1),
  generation: z.int(),
});

const authorityFileSchema = z.object({
  certificatePem: z.string(),
  privateKeyPem: z.string(),
  fingerprint: z.string(),
});

export type ClusterFile = z.infer<typeof clusterFileSchema>;
export type IdentityFile = z.infer<typeof identityFileSchema>;
export type LeafRequests = z.infer<typeof requestsSchema>;
type AuthorityFile = z.infer<typeof authorityFileSchema>;

/**
 * What a data folder knows of its cluster. `cluster.json` is written last: with it the node is a
 * member, without it it is none, whatever else lies there. All files have mode 0600 and are replaced as
 * a whole. Errors of all: `home_unusable`, `storage_full`, `data_corrupt`, `home_too_new`.
 */
export class ClusterHome {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined for a home of no cluster. */
  readCluster(): ClusterFile | undefined {
    return this.#read("cluster.json", clusterFileSchema);
  }

  writeCluster(file: ClusterFile): void {
    this.#write("cluster.json", file);
  }

  readIdentity(): IdentityFile | undefined {
    return this.#read("identity.json", identityFileSchema);
  }

  /** Also writes whom to trust where clients on this machine look for it. */
  writeIdentity(file: IdentityFile): void {
    this.#write("identity.json", file);
    writeWhole(this.#file("ca.pem"), file.bundle.join(""));
  }

  /** The keys of a join that may not have ended: the same keys may join again. */
  readPending(): LeafRequests | undefined {
    return this.#read("join.json", z.object({ requests: requestsSchema }))?.requests;
  }

  /** Also takes the room that the files of the finished join need. */
  writePending(requests: LeafRequests): void {
    this.#write("join.json", { requests });
    writeWhole(this.#file("join.reserve"), " ".repeat(reserveBytes));
  }

  /** Gives the room back. */
  releaseReserve(): void {
    removeFile(this.#file("join.reserve"));
  }

  removePending(): void {
    removeFile(this.#file("join.json"));
    this.releaseReserve();
  }

  /** The first authority, until it stands in the engine. */
  readAuthority(): AuthorityFile | undefined {
    return this.#read("authority.json", authorityFileSchema);
  }

  writeAuthority(key: AuthorityFile): void {
    this.#write("authority.json", key);
  }

  removeAuthority(): void {
    removeFile(this.#file("authority.json"));
  }

  /** A node that ran here alone, before it had a cluster's name. */
  get holdsData(): boolean {
    return existsSync(join(this.path, "engine", "data"));
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  #write(name: string, value: object): void {
    writeWhole(this.#file(name), `${JSON.stringify({ format, ...value })}\n`);
  }

  #read<Schema extends z.ZodType>(name: string, schema: Schema): z.infer<Schema> | undefined {
    const text = readIfThere(this.#file(name));
    if (text === undefined) return undefined;
    const value = parsed(text);
    const found = (value as { format?: unknown } | undefined)?.format;
    if (typeof found === "number" && found > format) {
      const problem = `${this.#file(name)} has format ${found}; this version reads ${format}.`;
      throw new HoldfastError("home_too_new", problem);
    }
    const result = schema.safeParse(value);
    if (found === format && result.success) return result.data;
    const problem = `${this.#file(name)} is not as Holdfast wrote it.`;
    throw new HoldfastError("data_corrupt", problem, { cause: result.error });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
