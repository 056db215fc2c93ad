import { clientLimits } from "./limits.ts";
import type { Page, PageRange } from "./types.ts";

export function pageQuery(range: PageRange): string {
  const query = new URLSearchParams({ limit: String(range.limit ?? clientLimits.pageItems) });
  if (range.after !== undefined) query.set("after", range.after);
  return `?${query.toString()}`;
}

/** Every item of a paged list, one page in memory at a time. */
export async function* paged<Item>(
  page: (range: PageRange) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let after: string | undefined;
  do {
    const { items, next } = await page(after === undefined ? {} : { after });
    yield* items;
    after = next;
  } while (after !== undefined);
}
