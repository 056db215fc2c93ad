import type { Context } from "../context.ts";
import { cut } from "./table.ts";
import { type Stream, type Style, styled } from "./terminal.ts";

export interface ScreenLine {
  readonly text: string;
  readonly style?: Style | undefined;
}

/** A terminal's second screen, drawn over and over; the first one comes back as it was. */
export interface LiveScreen {
  draw(lines: readonly ScreenLine[]): void;
  /** Resolves when the person at the terminal wants to leave: Ctrl-C, q, or SIGTERM. */
  readonly left: Promise<void>;
  close(): void;
}

const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l";
/** q, Ctrl-C and Ctrl-D: a raw terminal sends no signals. */
const leaveKeys = ["q", "\u0003", "\u0004"];
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";

export function openLiveScreen(context: Context): LiveScreen {
  const { stdin, stdout } = context.terminal;
  const left = Promise.withResolvers<void>();
  let lines: readonly ScreenLine[] = [];
  const draw = () => void stdout.write(frame(stdout, lines));
  const onKeys = (keys: string | Buffer) => {
    if (leaveKeys.some((key) => keys.includes(key))) left.resolve();
  };
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    restoreSignals();
    process.off("SIGTERM", left.resolve);
    process.off("exit", close);
    stdout.off("resize", draw);
    stdin.off("data", onKeys);
    setRaw(stdin, false);
    stdin.pause();
    stdout.write(leave);
  };
  const restoreSignals = context.onInterrupt(left.resolve);
  process.on("SIGTERM", left.resolve);
  // Whatever ends the process, the terminal is given back.
  process.on("exit", close);
  stdout.on("resize", draw);
  // Typed keys must not show between the lines.
  if (stdin.isTTY) {
    setRaw(stdin, true);
    stdin.on("data", onKeys);
    stdin.resume();
  }
  stdout.write(enter);
  return {
    left: left.promise,
    close,
    draw(next) {
      lines = next;
      if (isOpen) draw();
    },
  };
}

/** From the upper left corner, each line cleared behind its end: nothing flickers. */
function frame(stdout: Stream, lines: readonly ScreenLine[]): string {
  const { columns = 80, rows = 24 } = stdout;
  const hidden = lines.length - rows;
  const shown = hidden > 0 ? [...lines.slice(0, rows - 1), more(hidden + 1)] : lines;
  const texts = shown.map(({ text, style }) => {
    const fitting = cut(text, columns);
    return style ? styled(stdout, style, fitting) : fitting;
  });
  return `\u001b[H${texts.map((text) => `${text}\u001b[K`).join("\r\n")}\u001b[J`;
}

function more(count: number): ScreenLine {
  return { text: `… ${count} more lines: make the window higher`, style: "dim" };
}

function setRaw(
  stdin: NodeJS.ReadableStream & { setRawMode?: (raw: boolean) => unknown },
  isRaw: boolean,
): void {
  stdin.setRawMode?.(isRaw);
}
