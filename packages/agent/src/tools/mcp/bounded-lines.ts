/** What arrives as bytes, line by line. Nothing beyond the limits is kept of a line that is too long. */
export interface LineHandlers {
  line(text: string): void;
  /** A line over the limit: its first and last bytes. */
  cut(head: string, tail: string): void;
}

export interface LineLimits {
  readonly lineBytes: number;
  readonly headBytes: number;
  readonly tailBytes: number;
}

const newline = 0x0a;

export function boundedLines(limits: LineLimits, handlers: LineHandlers): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let size = 0;
  /** Set while the line is over its limit. */
  let head: Buffer | undefined;
  let tail = Buffer.alloc(0);

  const add = (piece: Buffer) => {
    size += piece.length;
    if (head === undefined) {
      parts.push(piece);
      if (size <= limits.lineBytes) return;
      const all = Buffer.concat(parts);
      parts = [];
      head = Buffer.from(all.subarray(0, limits.headBytes));
      tail = Buffer.from(all.subarray(-limits.tailBytes));
      return;
    }
    const end = Buffer.concat([tail, piece.subarray(-limits.tailBytes)]);
    tail = Buffer.from(end.subarray(-limits.tailBytes));
  };
  const finish = () => {
    if (head !== undefined) handlers.cut(head.toString("utf8"), tail.toString("utf8"));
    else handlers.line(Buffer.concat(parts).toString("utf8"));
    parts = [];
    size = 0;
    head = undefined;
  };
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, at));
      finish();
      from = at + 1;
    }
    if (from < chunk.length) add(chunk.subarray(from));
  };
}
