/** What the worker of write-behind can be told to do. Its own loop has no end, so it is told to take single turns. */
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

export function operations({ Writer, connect }, url, database) {
  const db = new DatabaseSync(database);
  const writer = new Writer(connect(url), db);

  async function add(id, data) {
    const cache = new Redis(url);
    await cache.xadd("stream:carts", "*", "id", id, "data", data).finally(() => cache.disconnect());
  }

  return {
    /** Take turns before there is anything, so that it is connected and has made its group. */
    async ready() {
      await writer.turn();
      await writer.turn();
      await add("1", '{"pen":1}');
    },
    async turn() {
      await writer.turn();
    },
    /** Add an entry, and take turns until its row is there. */
    async carry(id, data) {
      await add(id, data);
      for (let tries = 0; tries < 50; tries += 1) {
        await writer.turn();
        const row = db.prepare("SELECT data FROM carts WHERE id = ?").get(id);
        if (row) return row.data;
      }
      return null;
    },
    counts: () => writer.stats,
  };
}
