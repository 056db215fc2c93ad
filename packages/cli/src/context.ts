import { readText } from "./files/read-sources.ts";
import type { Client } from "@holdfast/sdk";
import { printLine, styled, type Terminal } from "./output/terminal.ts";
import { isInTheClear, nodeUrl, tokenFor } from "./settings.ts";

export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly json?: boolean;
}

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** The node's address. Errors: `usage`. */
  url(): string;
  /** A client with the user's token. Errors: `usage`, `unauthenticated`, `file_unreadable`. */
  client(): Promise<Client>;
  /** A client without a token, for what needs none. */
  anonymousClient(): Promise<Client>;
  /** Ctrl-C calls this instead of ending the command, until the function it gives is called. */
  onInterrupt(handle: () => void): () => void;
}

export function createContext(terminal: Terminal, options: GlobalOptions): Context {
  const url = () => nodeUrl(options.url, terminal.env);
  const connect = async (token: string | undefined): Promise<Client> => {
    const { createClient } = await import("@holdfast/sdk");
    const file = options.ca ?? terminal.env.HOLDFAST_CA;
    return createClient({
      url: url(),
      attempts: 3,
      ...(token === undefined ? {} : { token }),
      ...(file ? { ca: await readText(file, terminal.stdin) } : {}),
    });
  };
  return {
    terminal,
    json: options.json === true,
    url,
    async client() {
      const token = await tokenFor(url(), options.token, terminal.env);
      if (isInTheClear(url())) {
        const warning = styled(terminal.stderr, "yellow", "warning:");
        printLine(
          terminal.stderr,
          `${warning} the token travels unencrypted to ${url()}: use https.`,
        );
      }
      return connect(token);
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
