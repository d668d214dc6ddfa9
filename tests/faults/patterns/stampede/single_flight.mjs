/** What single flight can be told to do. */
import { makeBooks } from "./books.mjs";

export function operations({ Bestsellers, connect }, url, database) {
  const load = makeBooks(database);
  const books = new Bestsellers(connect(url), load);
  return {
    read: async (category) => (await books.get(category)).join(", "),
    write: async (category, title) => {
      load.write(category, title);
      await books.changed(category);
    },
    counts: () => ({ ...books.stats, "database reads": load.reads }),
  };
}
