import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type Clock, delay, HoldfastError, limits } from "@holdfast/core";
import {
  deserializeMessage,
  type JSONRPCMessage,
  serializeMessage,
  type Transport,
} from "@modelcontextprotocol/client";
import { boundedLines } from "./bounded-lines.ts";
import { forgetGroup, rememberGroup, signalGroup } from "./child-groups.ts";
import { cutAnswer, idOfCut, keptHeadBytes, keptTailBytes } from "./oversize.ts";

export interface StdioServer {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly clock: Clock;
  readonly onStderr: (chunk: Buffer) => void;
}

/** How long the output of a child that ended is still read. */
const lastWordsMs = 500;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * An MCP server as a child process with its own process group and nothing of this node's environment.
 * A message over `limits.mcpMessageBytes` is never held in memory: its request is answered by an error
 * that holds the beginning.
 */
export class StdioTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];
  /** By these two properties the protocol client knows a transport over stdio. */
  readonly stderr = null;
  pid: number | null = null;
  /** How the child ended, as a phrase. */
  ending: string | undefined;

  readonly #server: StdioServer;
  #child: Child | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(server: StdioServer) {
    this.#server = server;
  }

  async start(): Promise<void> {
    const { command, args, env, cwd } = this.#server;
    const child = spawn(command, args, {
      env,
      cwd,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#exited = new Promise((resolve) => child.once("exit", () => resolve()));
    try {
      await once(child, "spawn");
    } catch (error) {
      this.#exited = Promise.resolve();
      const reason = (error as NodeJS.ErrnoException).code ?? "unknown reason";
      const where = cwd === undefined ? "" : ` in ${cwd}`;
      throw new HoldfastError(
        "tool_unavailable",
        `${command} cannot be started${where} (${reason})`,
      );
    }
    this.#child = child;
    this.pid = child.pid ?? null;
    if (this.pid !== null) rememberGroup(this.pid);
    child.once("exit", (code, signal) => this.#ended(child, code, signal));
    const fail = (error: Error) => this.onerror?.(error);
    child.on("error", fail);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", fail);
    child.stdout.on("data", this.#reader());
    child.stderr.on("data", this.#server.onStderr);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (stdin === undefined || !stdin.writable) throw new Error("The server has ended.");
    if (stdin.write(serializeMessage(message))) return;
    await Promise.race([once(stdin, "drain"), this.#exited]);
  }

  /** Ends the child: end of input, then SIGTERM, then SIGKILL to its process group. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.stdin.end();
    const pid = child.pid ?? 0;
    if (!(await this.#endsInTime())) signalGroup(pid, "SIGTERM");
    if (!(await this.#endsInTime())) signalGroup(pid, "SIGKILL");
    await this.#exited;
    this.onclose?.();
  }

  async #endsInTime(): Promise<boolean> {
    const stop = new AbortController();
    const late = delay(this.#server.clock, limits.mcpStopGraceMs, stop.signal).then(() => false);
    const inTime = await Promise.race([this.#exited.then(() => true), late]);
    stop.abort();
    return inTime;
  }

  #ended(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    this.ending = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    if (child.pid !== undefined) forgetGroup(child.pid);
    const finish = () => {
      cancel();
      // A process that left the group may hold the pipes open; what it writes is no answer any more.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      if (this.#child !== child) return;
      this.#child = undefined;
      this.onclose?.();
    };
    const cancel = this.#server.clock.schedule(lastWordsMs, finish);
    child.once("close", finish);
  }

  #reader(): (chunk: Buffer) => void {
    const bounds = {
      lineBytes: limits.mcpMessageBytes,
      headBytes: keptHeadBytes,
      tailBytes: keptTailBytes,
    };
    return boundedLines(bounds, {
      line: (text) => {
        if (text.trim() === "") return;
        let message: JSONRPCMessage;
        try {
          message = deserializeMessage(text);
        } catch {
          this.onerror?.(new Error("The server wrote a line that is no JSON-RPC message."));
          return;
        }
        this.onmessage?.(message);
      },
      cut: (head, tail) => {
        const id = idOfCut(head, tail);
        if (id !== undefined) this.onmessage?.(cutAnswer(id, head));
        else this.onerror?.(new Error("The server sent a message that is too large."));
      },
    });
  }
}
