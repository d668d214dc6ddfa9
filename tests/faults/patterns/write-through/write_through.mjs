/** What write-through can be told to do. */
import { DatabaseSync } from "node:sqlite";

export function operations({ CHANGE, Products, connect }, url, database) {
  const products = new Products(connect(url), new DatabaseSync(database));
  return {
    read: async (id) => (await products.get(id))?.name ?? null,
    write: async (id, name) => {
      await products.write(CHANGE, { id, name, price: null });
    },
    counts: () => products.stats,
  };
}
