import { PassThrough, Writable } from "node:stream";
import type { Terminal } from "../output/terminal.ts";

/** A terminal with a person at it, made of streams. */
export interface FakeTerminal extends Terminal {
  /** Types keys. */
  type(keys: string): void;
  /** Everything printed so far, both streams, without cursor movements and colours. */
  screen(): string;
}

export function createFakeTerminal(env: NodeJS.ProcessEnv): FakeTerminal {
  let printed = "";
  const screenStream = () =>
    Object.assign(
      new Writable({
        write(piece, _encoding, done) {
          printed += String(piece);
          done();
        },
      }),
      { isTTY: true, columns: 80, rows: 24 },
    );
  const keys = new PassThrough();
  const stdin = Object.assign(keys, { isTTY: true, setRawMode: () => keys });
  return {
    stdin,
    stdout: screenStream(),
    stderr: screenStream(),
    env,
    type: (text) => void keys.write(text),
    screen: () => printed.replace(escapes, "").replace(/\r/g, ""),
  };
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");
