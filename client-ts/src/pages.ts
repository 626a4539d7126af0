/** A page of a list: the last one has no `nextCursor`. */
export interface Page<Item> {
  readonly array: readonly Item[];
  readonly nextCursor?: string | undefined;
}

/** Every row of a list, page by page, each once. */
export async function* iterate<Item>(
  read: (cursor: string | undefined) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    yield* page.array;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
