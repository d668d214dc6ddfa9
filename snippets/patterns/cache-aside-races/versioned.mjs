// npm install ioredis@6.0.0
// Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

const TTL = 3600; // s
const MISSING_TTL = 60; // s; a missing product has version 0
const MISSING = "missing";

// --8<-- [start:script]
const TOMBSTONE_TTL = 60; // s; longer than any read may take from SELECT to store

const STORE = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
return redis.call('EXPIRE', KEYS[1], ARGV[2])
`; // ARGV: version, TTL, and perhaps 'data' and the data
// --8<-- [end:script]

export const productKey = (id) => `cache:product:${id}`;

/** A corrupt value is a miss. */
function decode(data) { // differs: a product has a number
  try {
    const product = JSON.parse(data);
    const known = Object.keys(product).sort().join() === "id,name,price_cents";
    return known && Number.isInteger(product.price_cents) ? product : null;
  } catch {
    return null;
  }
}

export class Products {
  constructor(cache, db) {
    this.cache = cache;
    this.db = db;
    this.stats = { "database reads": 0, "cache errors": 0 };
  }

  // --8<-- [start:read]
  async get(id) {
    const data = await this.tryCache(() => this.cache.hget(productKey(id), "data"));
    if (data === MISSING) return null;
    const known = data === null ? null : decode(data);
    if (known !== null) return known; // a tombstone has no data, so it is a miss
    const { version, product } = await this.load(id);
    await this.store(id, version, product);
    return product;
  }

  load(id) {
    this.stats["database reads"] += 1;
    const query = "SELECT version, id, name, price_cents FROM products WHERE id = ?";
    const row = this.db.prepare(query).get(id);
    if (row === undefined) return { version: 0, product: null };
    const { version, ...product } = row;
    return { version, product };
  }

  store(id, version, product) {
    const data = product === null ? MISSING : JSON.stringify(product);
    const ttl = (product === null ? MISSING_TTL : TTL) * (0.9 + Math.random() * 0.2);
    return this.put(productKey(id), version, Math.round(ttl), "data", data);
  }
  // --8<-- [end:read]

  // --8<-- [start:write]
  async save({ id, name, price_cents }) {
    const upsert = `INSERT INTO products VALUES (?, ?, ?, 1)
      ON CONFLICT (id) DO UPDATE SET name = excluded.name,
      price_cents = excluded.price_cents, version = version + 1 RETURNING version`;
    const { version } = this.db.prepare(upsert).get(id, name, price_cents); // commits
    await this.put(productKey(id), version, TOMBSTONE_TTL); // after the commit
  }

  /** Whether it was stored; not if Redis holds a newer version, or is down. */
  async put(key, ...args) {
    return 1 === (await this.tryCache(() => this.cache.eval(STORE, 1, key, ...args)));
  }
  // --8<-- [end:write]

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

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(productKey("1")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price_cents INTEGER, version INTEGER)");
  const products = new Products(cache, db);
  const said = (stored) => (stored ? "accepted" : "refused");
  await products.save({ id: "1", name: "Tea", price_cents: 450 });
  const { version, product } = products.load("1");
  console.log(`a slow reader has loaded version ${version}, ${product.price_cents} cents`);
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  console.log(`a writer commits and leaves version ${await cache.hget(productKey("1"), "version")}, no data`);
  console.log(`the slow reader's store: ${said(await products.store("1", version, product))}`);
  console.log(`next read: ${(await products.get("1")).price_cents} cents`);
  await cache.del(productKey("1"));
  console.log(`after a DEL, the same store: ${said(await products.store("1", version, product))}`);
  console.log(`next read: ${(await products.get("1")).price_cents} cents`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
