interface Range {
  readonly after?: string;
  readonly limit: number;
}

/**
 * A page of a list that is in memory, in the order of its items' places. It begins behind the place `after`,
 * also when nothing is there any more.
 */
export function pageOfPlaces<Item>(
  all: readonly Item[],
  placeOf: (item: Item) => string,
  { after, limit }: Range,
): { items: Item[]; next?: string } {
  const rest = all
    .map((item) => ({ item, place: placeOf(item) }))
    .filter(({ place }) => after === undefined || place > after)
    .toSorted((one, other) => (one.place < other.place ? -1 : 1));
  const page = rest.slice(0, limit);
  const items = page.map(({ item }) => item);
  const last = page.at(-1);
  return last && rest.length > limit ? { items, next: last.place } : { items };
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
