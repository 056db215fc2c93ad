/** One nats-server process of a managed engine. */
export interface ServerPlan {
  readonly role: "data" | "witness";
  readonly configPath: string;
  readonly storePath: string;
  readonly logPath: string;
  readonly clientPort: number;
  readonly clusterPort: number;
  /** Cluster ports of the others. */
  readonly routes: readonly number[];
}

export interface EngineSecrets {
  readonly user: string;
  readonly password: string;
  readonly routePassword: string;
}

export const dataTag = "role:data";

/**
 * The configuration of one process. nats-server reads JSON. Every acknowledged write is on disk
 * (`sync_interval: always`); nothing listens beyond loopback.
 */
export function serverConfig(plan: ServerPlan, secrets: EngineSecrets): string {
  const routeUser = "route";
  return JSON.stringify(
    {
      server_name: `holdfast-${plan.role}`,
      host: "127.0.0.1",
      port: plan.clientPort,
      server_tags: [`role:${plan.role}`],
      log_file: plan.logPath,
      logfile_size_limit: 10_485_760,
      logfile_max_num: 3,
      max_payload: 1_048_576,
      max_pending: 268_435_456,
      write_deadline: "10s",
      jetstream: { store_dir: plan.storePath, sync_interval: "always" },
      system_account: "SYS",
      accounts: {
        SYS: {},
        HOLDFAST: {
          jetstream: "enabled",
          users: [{ user: secrets.user, password: secrets.password }],
        },
      },
      cluster: {
        name: "holdfast",
        host: "127.0.0.1",
        port: plan.clusterPort,
        no_advertise: true,
        pool_size: 1,
        authorization: { user: routeUser, password: secrets.routePassword, timeout: 5 },
        routes: plan.routes.map(
          (port) => `nats-route://${routeUser}:${secrets.routePassword}@127.0.0.1:${port}`,
        ),
      },
    },
    null,
    2,
  );
}
