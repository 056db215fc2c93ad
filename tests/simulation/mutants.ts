/** A protection taken out of the core: the text that is replaced stands there exactly once. */
export interface Mutant {
  readonly name: string;
  /** What the simulation must say of it: a regular expression. */
  readonly shownBy: string;
  readonly edits: readonly Edit[];
}

interface Edit {
  /** Below `packages/core/src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: "whoever opens a journal does not look at the epoch of its last owner",
    shownBy: "opened partition \\d+ with epoch \\d+ after",
    edits: [
      {
        file: "path/journal.ts",
        from: "return epoch < ours || (epoch === ours && node === self);",
        to: "return epoch < ours || (epoch === ours && node === self) || ours > 0;",
      },
    ],
  },
  {
    name: "an owner's append does not say which record must be the last",
    shownBy: "took a record of .* while .* owns it",
    edits: [
      {
        file: "path/journal.ts",
        from: "return await this.#options.log.append(this.#name, record, { expectedLast: this.#last });",
        to: "return await this.#options.log.append(this.#name, record);",
      },
    ],
  },
  {
    name: "handled inputs are not remembered",
    shownBy: "took effect twice",
    edits: [
      {
        file: "path/mailbox.ts",
        from: "at <= state.handled || state.seen.has(message.id);",
        to: "at <= state.handled || (state.seen.has(message.id) && state.seen.size < 0);",
      },
    ],
  },
  {
    name: "news are taken again at the next owner",
    shownBy: "done once|handled each once",
    edits: [
      {
        file: "path/mailbox.ts",
        from: "isNews(waiting) && !isHandled(waiting, state)",
        to: "isNews(waiting) && state.handled >= 0",
      },
    ],
  },
  {
    name: "the watermark passes inputs before their turn is durable",
    shownBy: "watermark \\d+ passed .*, which is not done",
    edits: [
      {
        file: "path/turn-runner.ts",
        from: "    const sequence = await this.#journal.append(entry);\n    for (const step of begun)",
        to: "    for (const { at } of inputs) this.#watermark.done(at);\n    const sequence = await this.#journal.append(entry);\n    for (const step of begun)",
      },
      {
        file: "path/turn-runner.ts",
        from: "      this.#watermark.done(at);\n      this.#services.pending",
        to: "      if (isKept || conversation.ephemeral === undefined) this.#watermark.done(at);\n      this.#services.pending",
      },
    ],
  },
  {
    name: "checkpoints are written whatever stands there",
    shownBy:
      "neither answered nor flagged|messages and has \\d+ after recovery|changed at \\d+: was|took effect twice",
    edits: [
      {
        file: "path/checkpoints.ts",
        from: "await this.#keyValue.update(checkpointBucket, at, value, revision);",
        to: "await this.#keyValue.put(checkpointBucket, at, value);",
      },
    ],
  },
  {
    name: "a piece that may have been sent is sent once more",
    shownBy: "shows a piece twice",
    edits: [
      {
        file: "path/deliveries.ts",
        from: "if (begun && (!account.idempotentSends || !piece)) {",
        to: "if (begun && !piece) {",
      },
    ],
  },
  {
    name: "a piece is sent without being written down first",
    shownBy: "shows a piece twice",
    edits: [
      {
        file: "path/deliveries.ts",
        from: 'await this.#write(lane, { t: "send", c, id, piece: number, of, at: clock.now() });',
        to: 'applyEntry(lane.state, { t: "send", c, id, piece: number, of, at: clock.now() }, lane.state.journaled);',
      },
    ],
  },
];
