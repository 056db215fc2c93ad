/** What the `up` and `doctor` commands use of the server package. */
export interface ServerModule {
  startNode(options: NodeOptions): Promise<RunningNode>;
  runDoctor(options: DoctorOptions): Promise<readonly DoctorCheck[]>;
}

export interface NodeOptions {
  /** The data folder, absolute. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** How a node that is no member yet becomes one. */
  readonly join?: JoinOptions;
  /** Ends the start; what was started is stopped again. */
  readonly signal?: AbortSignal;
}

export interface JoinOptions {
  readonly token: string;
  /** `mdns`, `dns:NAME` or an address; without, what the token says. */
  readonly discover?: string;
  readonly role?: "store" | "compute";
}

export interface RunningNode {
  readonly url: string;
  /** For clients of OpenClaw's gateway; absent where it is off or its port was taken. */
  readonly gatewayUrl?: string;
  readonly home: string;
  /** Only when it was newly made. */
  readonly adminToken?: string;
  readonly engine: {
    readonly version: string;
    readonly processes: readonly { role: string; pid: number; port: number }[];
  };
  readonly organizations: readonly string[];
  /** Stops everything in good order. */
  close(): Promise<void>;
  /** Resolves when the node has stopped; rejects with what made it stop. */
  readonly closed: Promise<void>;
}

export interface DoctorOptions extends Omit<NodeOptions, "join"> {
  /** The node that runs here says that others run its engine, whatever this environment says. */
  readonly isEngineExternal: boolean;
}

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

/** Loaded only by those who need it: clients start without the node's code. */
export async function loadServer(): Promise<ServerModule> {
  return import("@holdfast/server");
}
