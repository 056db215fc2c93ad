/** Bounds of formatting. Lengths in UTF-16 units unless named otherwise. */
export const formatLimits = {
  /** A longer text is shown as it was written: the parser takes about a second for 150,000 units. */
  markdownChars: 65_536,
  /** Characters in one paragraph that may open or close something; the parser's time grows with their square. */
  marksPerParagraph: 1_000,
  /** The sum of the squares of these counts over all paragraphs. */
  marksSquaredTotal: 2_000_000,
  /** Quotes and lists inside each other that are shown as such; deeper ones are shown at this depth. */
  nestingShown: 12,
  /** Quotes that begin, and items of lists: the parser's time grows with the square of these, too. */
  quotes: 250,
  listItems: 2_000,
  /** Quote and list marks at the beginning of one line. */
  containersPerLine: 64,
  /** A longer address is written out behind its text. */
  linkUrlChars: 1_000,
  /** Addresses that references stand for, together: a short text may refer to a long address thousands of times. */
  referredChars: 200_000,
  /** Cells are padded to at most so many columns; longer ones stick out. */
  tableColumnCells: 40,
  languageChars: 32,

  telegramUnits: 4_096,
  /** Entities of one message; Telegram ignores the rest. */
  telegramEntities: 100,
  /** With tags and addresses. */
  telegramHtmlUnits: 16_384,
  slackUnits: 3_900,
  discordCodePoints: 2_000,
  whatsAppUnits: 4_096,
  signalBytes: 2_000,
  /** The text of one mail. */
  mailUnits: 1_000_000,
} as const;
