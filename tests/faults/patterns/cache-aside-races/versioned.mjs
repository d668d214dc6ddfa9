/** What versioned cache-aside can be told to do. */
import { DatabaseSync } from "node:sqlite";

export function operations({ Products, connect }, url, database) {
  const products = new Products(connect(url), new DatabaseSync(database));
  return {
    read: async (id) => (await products.get(id))?.name ?? null,
    write: (id, name) => products.save({ id, name, price: 450 }),
    counts: () => products.stats,
  };
}
