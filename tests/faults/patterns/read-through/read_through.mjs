/** What read-through can be told to do; who writes tells it afterwards. */
import { DatabaseSync } from "node:sqlite";

export function operations({ connect, describe, makeCarts }, url, database) {
  const db = new DatabaseSync(database);
  const carts = makeCarts(connect(url), db);
  return {
    read: (id) => describe(carts, id),
    write: async (id, quantity) => {
      db.prepare("UPDATE cart_items SET quantity = ? WHERE cart_id = ?").run(Number(quantity), id);
      await carts.forget(id);
    },
    counts: () => carts.stats,
  };
}
