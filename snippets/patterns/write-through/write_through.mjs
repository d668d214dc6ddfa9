// npm install ioredis@6.0.0
// Write-through: commit to the database, then store the row in Redis, unless a newer version is there.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

// --8<-- [start:rows]
// Each write raises the version, and returns the whole row as it now is.
// A deleted row stays, so that a product that comes back goes on counting.
const ROW = `id, version, CASE WHEN deleted THEN 'missing'
  ELSE json_object('id', id, 'name', name, 'price', price) END AS data`;
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
const MISSING = "missing"; // what is stored of a deleted product
export const TTL = 3600; // s; a lost store leaves a product stale for 3,900 at most
export const MISSING_TTL = 600; // s; 300 after its question a store keeps no data
export const ASK =
  "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}";

const STORE = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'version')) or -1
local version, known = tonumber(ARGV[1]), redis.call('HEXISTS', KEYS[1], 'data')
if stored > version or stored == version and known == 1 then return 0 end
local late = redis.call('TIME')[1] - ARGV[4] > 300
local fields = late and {} or {'data', ARGV[2]}
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(fields))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return late and 0 or 1
`;
// --8<-- [end:store]

/** Make the one client that the whole process shares. Times in milliseconds. */
export function connect(url) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    // a client that nobody uses knocks once a second, not twenty times
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  });
  // without a listener ioredis prints the whole stack of each failed connection
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

const [AWAY, REFUSED, MISTAKE] = ["cache errors", "refused writes", "mistakes"];
const REFUSALS = /^(OOM|MISCONF|NOREPLICAS) /; // it is well, and serves reads
const PASSING = new RegExp(
  "^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|UNBLOCKED|BUSY Redis" +
  // ioredis has no class for an outage, only these messages
  "|ERR max number|Command (timed out|aborted)|Connection is closed" +
  "|Reached the max retr|Stream isn't wri" +
  "|Cluster isn't ready|Failed to refresh slots|Too many Cluster redirections)",
);

/** What an error of Redis or its client means to us. */
function kindOf({ message }) {
  if (REFUSALS.test(message)) return REFUSED;
  return PASSING.test(message) ? AWAY : MISTAKE;
}

export class Products {
  constructor(cache, db) {
    this.cache = cache;
    this.db = db;
    this.stats = { "corrupt values": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
  }

  // --8<-- [start:write]
  /** SAVE, CHANGE or DELETE a product. Undefined: there is no such product. */
  async write(sql, product) {
    let asked = 0;
    await this.tellCache(async () => {
      [, asked] = await this.cache.eval(ASK, 1, productKey(product.id));
    });
    const row = this.commit(sql, product);
    if (row) await this.store(row, asked); // after the commit, and what it returned
    return row;
  }

  commit(sql, product) {
    return this.db.prepare(sql).all(product)[0]; // has committed when it returns
  }

  /** Store a row unless Redis has a newer one, and say whether it did. */
  async store({ id, version, data }, asked) {
    const [key, ttl] = [productKey(id), data === MISSING ? MISSING_TTL : TTL];
    let said;
    await this.tellCache(async () => {
      said = await this.cache.eval(STORE, 1, key, version, data, ttl, asked);
    });
    return said === 1;
  }
  // --8<-- [end:write]

  // --8<-- [start:read]
  async get(id) {
    const key = productKey(id);
    const ask = () => this.cache.eval(ASK, 1, key);
    const [data, asked] = (await this.tryCache(ask)) ?? [null, 0];
    if (data === MISSING) return null;
    if (data !== null) {
      const product = this.decode(data);
      if (product !== null) return product;
      await this.tellCache(() => this.cache.hdel(key, "data")); // so that ours fits
    }
    const row = this.db.prepare(LOAD).get({ id });
    if (row === undefined) return null;
    if (asked) await this.store(row, asked); // refused if a writer was faster
    return row.data === MISSING ? null : JSON.parse(row.data);
  }
  // --8<-- [end:read]

  decode(data) { // differs: a product has a number
    try {
      const product = JSON.parse(data);
      const { id, name, price } = product;
      const known = Object.keys(product).sort().join() === "id,name,price";
      if (known && typeof id === "string" && typeof name === "string" && Number.isSafeInteger(price)) return product;
    } catch {
      // no JSON, or null, which has no fields
    }
    this.stats["corrupt values"] += 1;
    return null;
  }

  /** Ask. If Redis is away, count that and answer null; a mistake surfaces. */
  async tryCache(command) {
    try {
      return await command();
    } catch (error) {
      if (this.failed(error) === MISTAKE) throw error;
      return null;
    }
  }

  /** Tell. The caller has its row or its commit, whatever Redis answers. */
  async tellCache(command) {
    try {
      await command();
    } catch (error) {
      if (this.failed(error) === MISTAKE) console.error(error); // be loud
    }
  }

  failed(error) {
    const kind = kindOf(error);
    this.stats[kind] += 1;
    return kind;
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

  const [, asked] = await cache.eval(ASK, 1, productKey("1"));
  const a = products.commit(CHANGE, { id: "1", price: 250 });
  const b = products.commit(CHANGE, { id: "1", price: 300 });
  for (const [writer, row] of [["B", b], ["A", a]]) // both have committed, and A is late
    console.log(`${writer} stores its row: ${(await products.store(row, asked)) ? "yes" : "refused"}`);
  await show("version and data in Redis", "1");
  await products.write(CHANGE, { id: "1", name: "Fountain pen" });
  await show("only the name was sent", "1");
  await products.write(CHANGE, { id: "2", name: "Nib" });
  await show("a change of product 2, which does not exist", "2");
  await products.write(DELETE, { id: "1" });
  await show("deleted", "1");
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
