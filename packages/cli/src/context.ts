import { readText } from "./files/read-sources.ts";
import type { Client } from "@holdfast/sdk";
import { printLine, styled, type Terminal } from "./output/terminal.ts";
import { authorityFile, isInTheClear, nodeUrl, tokenFor } from "./settings.ts";

export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly json?: boolean;
}

export interface ClientWishes {
  /** Another node of the same cluster, which may get the token. */
  readonly url?: string;
  readonly attempts?: number;
  readonly timeoutMs?: number;
  /** PEM texts of authorities that count besides the given one: the cluster itself named them. */
  readonly trust?: readonly string[];
}

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** The node's address. Errors: `usage`. */
  url(): string;
  /** A client with the user's token. Errors: `usage`, `unauthenticated`, `file_unreadable`. */
  client(wishes?: ClientWishes): Promise<Client>;
  /** A client without a token, for what needs none. */
  anonymousClient(): Promise<Client>;
  /** Ctrl-C calls this instead of ending the command, until the function it gives is called. */
  onInterrupt(handle: () => void): () => void;
}

export function createContext(terminal: Terminal, options: GlobalOptions): Context {
  const url = () => nodeUrl(options.url, terminal.env);
  let isWarned = false;
  const connect = async (
    token: string | undefined,
    { trust = [], ...wishes }: ClientWishes = {},
  ): Promise<Client> => {
    const { createClient } = await import("@holdfast/sdk");
    const file = authorityFile(url(), options.ca, terminal.env);
    return createClient({
      url: url(),
      attempts: 3,
      ...wishes,
      ...(token === undefined ? {} : { token }),
      ...(file ? { ca: [await readText(file, terminal.stdin), ...trust].join("\n") } : {}),
    });
  };
  return {
    terminal,
    json: options.json === true,
    url,
    async client(wishes) {
      const token = await tokenFor(url(), options.token, terminal.env);
      if (isInTheClear(url()) && !isWarned) {
        isWarned = true;
        const warning = styled(terminal.stderr, "yellow", "warning:");
        printLine(
          terminal.stderr,
          `${warning} the token travels unencrypted to ${url()}: use https.`,
        );
      }
      return connect(token, wishes);
    },
    anonymousClient: () => connect(undefined),
    onInterrupt(handle) {
      // A listener takes the place of the signal's default, and of the one that main set.
      const others = process.listeners("SIGINT");
      process.removeAllListeners("SIGINT");
      process.on("SIGINT", handle);
      return () => {
        process.off("SIGINT", handle);
        for (const other of others) process.on("SIGINT", other);
      };
    },
  };
}
