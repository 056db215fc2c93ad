/** The items mapped, in their order, at most `most` at a time. `map` must not reject. */
export async function* mapInOrder<Item, Mapped>(
  items: AsyncIterable<Item>,
  most: number,
  map: (item: Item) => Promise<Mapped>,
): AsyncGenerator<Mapped, void, undefined> {
  const running: Promise<Mapped>[] = [];
  for await (const item of items) {
    running.push(map(item));
    const first = running.length < most ? undefined : running.shift();
    if (first) yield await first;
  }
  for (const each of running) yield await each;
}
