/** What stale-while-revalidate can be told to do. Time goes on by a minute and a second for those who read late. */
import { makeBooks } from "./books.mjs";

export function operations({ Bestsellers, connect, FRESH }, url, database) {
  const load = makeBooks(database);
  let gone = 0;
  const books = new Bestsellers(connect(url), load, () => Date.now() / 1000 + gone);
  const read = async (category) => (await books.get(category)).join(", ");
  return {
    read,
    "read late": (category) => {
      gone = FRESH + 1;
      return read(category);
    },
    counts: async () => {
      await books.refreshing; // the refresh goes on after the answer
      return { ...books.stats, "database reads": load.reads };
    },
  };
}
