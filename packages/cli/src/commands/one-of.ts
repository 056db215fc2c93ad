import { HoldfastError } from "@holdfast/core";

/** The API lists these but has no address for one: it is looked for. */
export async function* oneOf<Item extends { readonly id: string }>(
  items: AsyncIterable<Item>,
  id: string | undefined,
  what: string,
): AsyncGenerator<Item, void, undefined> {
  for await (const item of items) {
    if (id === undefined) yield item;
    else if (item.id === id) {
      yield item;
      return;
    }
  }
  if (id !== undefined) throw new HoldfastError("not_found", `There is no ${what} ${id}.`);
}
