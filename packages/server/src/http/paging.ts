interface Range {
  readonly after?: string;
  readonly limit: number;
}

/** A page of a list that is in memory, beginning after the item with the id `after`. */
export function pageOfIds<Item extends { readonly id: string }>(
  all: readonly Item[],
  { after, limit }: Range,
): { items: Item[]; next?: string } {
  const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const items = all.slice(start, start + limit);
  const last = items.at(-1);
  return last && start + limit < all.length ? { items, next: last.id } : { items };
}
