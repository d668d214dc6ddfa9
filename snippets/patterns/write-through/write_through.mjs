// npm install ioredis@6.0.0
// Write-through: commit to the database, then store the row in Redis, unless a newer version is there.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

// --8<-- [start:rows]
// Each write raises the version, and returns the whole row as it now is.
// A deleted row stays, so that a product that comes back goes on counting.
const ROW = `id, version, CASE WHEN NOT deleted
  THEN json_object('id', id, 'name', name, 'price', price) END AS data`;
export const SAVE = `INSERT INTO products (id, name, price)
  VALUES (:id, :name, :price)
  ON CONFLICT (id) DO UPDATE SET version = products.version + 1, deleted = 0,
  name = excluded.name, price = excluded.price RETURNING ${ROW}`;
export const CHANGE = `UPDATE products SET version = version + 1,
  name = coalesce(:name, name), price = coalesce(:price, price)
  WHERE id = :id AND NOT deleted RETURNING ${ROW}`;
export const DELETE = `UPDATE products SET version = version + 1, deleted = 1
  WHERE id = :id AND NOT deleted RETURNING ${ROW}`;
const LOAD = `SELECT ${ROW} FROM products WHERE id = :id`;
// --8<-- [end:rows]

// --8<-- [start:store]
export const productKey = (id) => `cache:product:${id}`;
export const TTL = 3600; // s; the longest that a lost store leaves a product stale
export const TOMBSTONE_TTL = 600; // s; longer than any reader or writer takes

const STORE = `
local stored = redis.call('HGET', KEYS[1], 'version')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'data', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
`;
// --8<-- [end:store]

export function connect(url) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 50 + Math.random() * 50,
  });
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

export class Products {
  constructor(cache, db) {
    this.cache = cache;
    this.db = db;
    this.stats = { "cache errors": 0 };
  }

  // --8<-- [start:write]
  /** SAVE, CHANGE or DELETE a product. Undefined: there is no such product. */
  async write(sql, product) {
    const row = this.commit(sql, product);
    if (row) await this.store(row); // after the commit, and only what it returned
    return row;
  }

  commit(sql, product) {
    return this.db.prepare(sql).all(product)[0]; // has committed when it returns
  }

  /** Store a row unless Redis has a newer one, and say whether it did. */
  async store({ id, version, data }) {
    const ttl = data === null ? TOMBSTONE_TTL : TTL; // null: deleted
    const args = [productKey(id), version, data ?? "", ttl];
    return (await this.tryCache(() => this.cache.eval(STORE, 1, ...args))) === 1;
  }
  // --8<-- [end:write]

  // --8<-- [start:read]
  async get(id) {
    const key = productKey(id);
    const read = () => this.cache.hmget(key, "version", "data");
    let [version, data] = (await this.tryCache(read)) ?? [null, null];
    if (version === null) {
      const row = this.db.prepare(LOAD).get({ id });
      if (row === undefined) return null;
      await this.store(row); // refused if a writer was faster
      ({ data } = row);
    }
    return data === null ? null : JSON.parse(data);
  }
  // --8<-- [end:read]

  async tryCache(command) {
    try {
      return await command();
    } catch (error) {
      const outage = /^(Command timed out|Connection is closed|Reached the max retr)/;
      if (!outage.test(error.message)) throw error;
      this.stats["cache errors"] += 1;
      return null;
    }
  }
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(productKey("1")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec(`CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER,
    version INTEGER NOT NULL DEFAULT 1, deleted INTEGER NOT NULL DEFAULT 0)`);
  const products = new Products(cache, db);
  await products.write(SAVE, { id: "1", name: "Pen", price: 200 });

  const show = async (step, id) => {
    const fields = await cache.hvals(productKey(id));
    console.log(`${step}: ${fields.join(" ") || "nothing"}`);
  };

  const a = products.commit(CHANGE, { id: "1", price: 250 });
  const b = products.commit(CHANGE, { id: "1", price: 300 });
  for (const [writer, row] of [["B", b], ["A", a]]) // both have committed, and A is late
    console.log(`${writer} stores its row: ${(await products.store(row)) ? "yes" : "refused"}`);
  await show("version and data in Redis", "1");
  await products.write(CHANGE, { id: "1", name: "Fountain pen" });
  await show("only the name was sent", "1");
  await products.write(CHANGE, { id: "2", name: "Nib" });
  await show("a change of product 2, which does not exist", "2");
  await products.write(DELETE, { id: "1" });
  await show("deleted, so a version alone", "1");
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
