import { describe, expect, test } from "vitest";
import { trimText } from "./trim-text.ts";

describe("trimming", () => {
  test.each([
    ["a signature", "Yes.\n\n-- \nAda\nPhone 123\n", "Yes."],
    [
      "a quotation below",
      "Yes.\n\nOn Mon, 2 Mar 2026 Agent <agent@example.org> wrote:\n> Do you?\n> \n> > older\n",
      "Yes.",
    ],
    [
      "a quotation whose introduction has two lines",
      "Ja.\n\nAm 02.03.2026 um 10:00 schrieb\nAgent <agent@example.org>:\n> Wirklich?\n",
      "Ja.",
    ],
    [
      "a signature above a quotation",
      "Yes.\n-- \nAda\n\nOn 2 Mar 2026 Agent wrote:\n> Do you?\n",
      "Yes.",
    ],
    [
      "what Outlook puts below",
      "Yes.\n\n________________________________\nFrom: Agent <agent@example.org>\nSent: Monday\nTo: Ada\nSubject: Do you?\n\nDo you?\n",
      "Yes.",
    ],
    [
      "the same in German",
      "Ja.\n\n-----Ursprüngliche Nachricht-----\nVon: Agent <agent@example.org>\nGesendet: Montag\nAn: Ada\nBetreff: x\n\nalt\n",
      "Ja.",
    ],
  ])("takes %s away", (_, text, expected) => {
    expect(trimText(text, true)).toBe(expected);
  });

  test.each([
    ["answers between quoted lines", "> One?\nYes.\n> Two?\nNo."],
    ["answers below a quotation", "On 2 Mar Agent wrote:\n> One?\n\nYes."],
    ["a quotation that nothing introduces", "Look at this\n> a line"],
    ["a mail of a quotation alone", "On 2 Mar 2026 Agent wrote:\n> One?"],
    ["dashes without the space", "Yes.\n--\nNo."],
    ["a long text below dashes", `Yes.\n-- \n${"line\n".repeat(20)}end`],
    ["a list of words with colons", "Plan\n__________\nFirst: eat\nThen: sleep\nLast: rest"],
    ["an empty mail", ""],
  ])("keeps %s", (_, text) => {
    expect(trimText(text, true)).toBe(text);
  });

  test("keeps quotations in a mail that answers nothing", () => {
    const text = "See below.\n\nOn 2 Mar 2026 Bo wrote:\n> Hello";
    expect(trimText(text, false)).toBe(text);
  });
});
