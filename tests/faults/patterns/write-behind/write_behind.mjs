/** What the accepting side of write-behind can be told to do. */
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

export function operations({ Carts, connect }, url, database) {
  const carts = new Carts(connect(url), new DatabaseSync(database));
  const read = async (id) => JSON.stringify(await carts.get(id));
  const write = async (id, pens) => {
    await carts.save(id, { pen: Number(pens) }, randomUUID());
  };
  return {
    read,
    write,
    "write and read": async (id, pens) => write(id, pens).then(() => read(id)),
    depth: async () => `${(await carts.depth()).entries}`,
    counts: async () => carts.stats,
  };
}
