import { type Cancel, limits } from "@holdfast/core";
import type { McpTransportSpec } from "./connection.ts";
import { McpServer, type McpServerOptions, type McpServerStatus } from "./server.ts";

/** The MCP servers of a node: one per organization and transport, at most `limits.mcpConnections`. */
export class McpPool {
  readonly #options: McpServerOptions;
  readonly #servers = new Map<string, McpServer>();
  readonly #ending = new Set<Promise<void>>();
  #cancelSweep: Cancel | undefined;
  #closed = false;

  constructor(options: McpServerOptions) {
    this.#options = options;
  }

  /** Undefined when every place is taken by a server that works, or when the pool is closed. */
  server(organization: string, spec: McpTransportSpec): McpServer | undefined {
    if (this.#closed) return undefined;
    const key = JSON.stringify([organization, spec]);
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    if (this.#servers.size >= limits.mcpConnections && !this.#makeRoom()) return undefined;
    const server = new McpServer(organization, spec, this.#options);
    this.#servers.set(key, server);
    this.#cancelSweep ??= this.#scheduleSweep();
    return server;
  }

  status(): readonly McpServerStatus[] {
    return [...this.#servers.values()].map((server) => server.status());
  }

  /** Ends every server; resolves when all children are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSweep?.();
    for (const key of this.#servers.keys()) this.#end(key);
    await Promise.all(this.#ending);
  }

  #makeRoom(): boolean {
    let oldest: [string, McpServer] | undefined;
    for (const entry of this.#servers) {
      if (entry[1].busy) continue;
      if (oldest === undefined || entry[1].usedAt < oldest[1].usedAt) oldest = entry;
    }
    if (oldest !== undefined) this.#end(oldest[0]);
    return oldest !== undefined;
  }

  #scheduleSweep(): Cancel {
    return this.#options.clock.schedule(limits.mcpIdleMs / 4, () => {
      const idleSince = this.#options.clock.monotonic() - limits.mcpIdleMs;
      for (const [key, server] of this.#servers) {
        if (!server.busy && server.usedAt <= idleSince) this.#end(key);
      }
      this.#cancelSweep = this.#servers.size > 0 ? this.#scheduleSweep() : undefined;
    });
  }

  #end(key: string): void {
    const server = this.#servers.get(key);
    if (server === undefined) return;
    this.#servers.delete(key);
    const { log } = this.#options;
    const ending = server
      .close()
      .catch((error: unknown) => {
        const fields = { organization: server.organization, mcpServer: server.target };
        log.warn({ ...fields, error: String(error) }, "MCP server did not end in good order");
      })
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
