/** The items mapped, in their order, at most `most` at a time; a failure is thrown in its place. */
export async function* mapInOrder<Item, Mapped>(
  items: AsyncIterable<Item>,
  most: number,
  map: (item: Item) => Promise<Mapped>,
): AsyncGenerator<Mapped, void, undefined> {
  const running: Promise<Mapped>[] = [];
  for await (const item of items) {
    const mapped = map(item);
    // It is thrown when its turn comes.
    mapped.catch(() => undefined);
    running.push(mapped);
    const first = running.length < most ? undefined : running.shift();
    if (first) yield await first;
  }
  for (const each of running) yield await each;
}
