/** What the lock can be told to do. */
import { makeBooks } from "./books.mjs";

export function operations({ Bestsellers, connect }, url, database) {
  const load = makeBooks(database);
  const books = new Bestsellers(connect(url), load);
  return {
    read: async (category) => (await books.get(category)).join(", "),
    counts: () => ({ ...books.stats, "database reads": load.reads }),
  };
}
