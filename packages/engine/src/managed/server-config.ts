import type { EngineAccounts } from "./accounts.ts";

/** A place where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One nats-server process of a managed engine. */
export interface ServerPlan {
  readonly role: "data" | "witness";
  /** Its name in the cluster. Its data belongs to this name: it never changes. */
  readonly name: string;
  /** Where it listens, for clients and for routes. */
  readonly host: string;
  readonly clientPort: number;
  readonly routePort: number;
  readonly configPath: string;
  readonly storePath: string;
  readonly logPath: string;
  /** Route addresses of the others. */
  readonly routes: readonly Address[];
  /** Nobody else knows its ports, so that other ones may be chosen at the next start. */
  readonly mayMove: boolean;
}

/** Files of the certificates that all servers of one node use. */
export interface TlsFiles {
  readonly authorities: string;
  /** Certificate and key in one file, so that both change at once. */
  readonly engine: string;
}

/** Who may connect, and what the servers show. */
export interface EngineAccess {
  readonly files: TlsFiles;
  readonly accounts: EngineAccounts;
  /** SHA-256 of the public keys that both ends of a route may have, in hex; empty: not known of all. */
  readonly pins: readonly string[];
}

export const dataTag = "role:data";

const accountTimeoutS = 5;
/**
 * The disk is the limit, and the node watches it. By default nats-server takes three quarters of what is free
 * when it starts: started again with more data than that, it would refuse every write.
 */
const maxFileStoreBytes = 2 ** 50;

/**
 * The configuration of one process. nats-server reads JSON. Every acknowledged write is on disk
 * (`sync_interval: always`).
 */
export function serverConfig(plan: ServerPlan, access: EngineAccess): string {
  return JSON.stringify(
    {
      server_name: plan.name,
      host: plan.host,
      port: plan.clientPort,
      server_tags: [`role:${plan.role}`],
      log_file: plan.logPath,
      logfile_size_limit: 10_485_760,
      logfile_max_num: 3,
      max_payload: 1_048_576,
      max_pending: 268_435_456,
      write_deadline: "10s",
      jetstream: {
        store_dir: plan.storePath,
        sync_interval: "always",
        max_file_store: maxFileStoreBytes,
      },
      system_account: "SYS",
      ...tlsSettings(plan, access),
    },
    null,
    2,
  );
}

/** The user is what the client's certificate names; a route needs the certificate of an engine. */
function tlsSettings(plan: ServerPlan, { files, accounts, pins }: EngineAccess) {
  const tls = {
    cert_file: files.engine,
    key_file: files.engine,
    ca_file: files.authorities,
    verify_and_map: true,
    min_version: "1.3",
    timeout: accountTimeoutS,
  };
  return {
    tls,
    accounts: accounts.accounts,
    cluster: {
      ...clusterSettings(plan),
      // Whom a server dials shows any certificate of the authority: only the key tells that it is a member's.
      tls: { ...tls, ...(pins.length > 0 && { pinned_certs: pins }) },
      authorization: { user: accounts.engine, timeout: accountTimeoutS },
      routes: plan.routes.map(({ host, port }) => `nats-route://${bracketed(host)}:${port}`),
    },
  };
}

function clusterSettings(plan: ServerPlan) {
  return {
    name: "holdfast",
    host: plan.host,
    port: plan.routePort,
    // What others dial when they hear of this server: the name that its certificate has.
    advertise: `${bracketed(plan.host)}:${plan.routePort}`,
    // Clients get their addresses from the cluster's records, never the witness's.
    no_advertise: true,
    pool_size: 1,
  };
}

export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
