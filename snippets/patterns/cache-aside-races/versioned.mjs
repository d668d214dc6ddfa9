// npm install ioredis@6.0.0
// Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

const TTL = 3600; // s
const MISSING_TTL = 60; // s; a missing product has version 0
const MISSING = "missing";

// --8<-- [start:script]
const TOMBSTONE_TTL = 60; // s; a store that comes 30 after its question is refused
const ASK = "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}";

const STORE = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
if ARGV[3] and redis.call('TIME')[1] - ARGV[3] > 30 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
return redis.call('EXPIRE', KEYS[1], ARGV[2])
`; // ARGV: version, TTL; of a reader also its time, 'data', the data
// --8<-- [end:script]

export const productKey = (id) => `cache:product:${id}`;

export class Products {
  constructor(cache, db) {
    this.cache = cache;
    this.db = db;
    this.stats = { "database reads": 0, "corrupt values": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
  }

  // --8<-- [start:read]
  async get(id) {
    const [data, asked] = await this.ask(id);
    if (data === MISSING) return null;
    const known = data === null ? null : this.decode(data);
    if (known !== null) return known; // a tombstone has no data, so it is a miss
    const { version, product } = await this.load(id);
    await this.store(id, version, product, asked);
    return product;
  }

  load(id) {
    this.stats["database reads"] += 1;
    const query = "SELECT version, id, name, price FROM products WHERE id = ?";
    const row = this.db.prepare(query).get(id);
    if (row === undefined) return { version: 0, product: null };
    const { version, ...product } = row;
    return { version, product };
  }

  async store(id, version, product, asked) {
    if (asked === null) return false; // Redis did not answer
    const data = product === null ? MISSING : JSON.stringify(product);
    const ttl = (product === null ? MISSING_TTL : TTL) * (0.9 + Math.random() * 0.2);
    const args = [version, Math.round(ttl), asked, "data", data];
    return await this.put(productKey(id), ...args);
  }
  // --8<-- [end:read]

  /** What is stored, and when we asked, by the clock of Redis. */
  async ask(id) {
    const answer = await this.tryCache(() => this.cache.eval(ASK, 1, productKey(id)));
    return answer ?? [null, null];
  }

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

  // --8<-- [start:write]
  async save({ id, name, price }) {
    const upsert = `INSERT INTO products VALUES (?, ?, ?, 1)
      ON CONFLICT (id) DO UPDATE SET name = excluded.name,
      price = excluded.price, version = version + 1 RETURNING version`;
    const { version } = this.db.prepare(upsert).get(id, name, price); // commits
    await this.put(productKey(id), version, TOMBSTONE_TTL); // after the commit
  }

  /** Whether it was stored; not if Redis holds a newer version, or is down. */
  async put(key, ...args) {
    let said;
    await this.tellCache(async () => {
      said = await this.cache.eval(STORE, 1, key, ...args);
    });
    return said === 1;
  }
  // --8<-- [end:write]

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

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(productKey("1")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)");
  const products = new Products(cache, db);
  const said = (stored) => (stored ? "accepted" : "refused");
  await products.save({ id: "1", name: "Tea", price: 450 });
  const [, asked] = await products.ask("1");
  const { version, product } = products.load("1");
  console.log(`a slow reader has loaded version ${version}, ${product.price} cents`);
  await products.save({ id: "1", name: "Tea", price: 475 });
  console.log(`a writer commits and leaves version ${await cache.hget(productKey("1"), "version")}, no data`);
  console.log(`the slow reader's store: ${said(await products.store("1", version, product, asked))}`);
  console.log(`next read: ${(await products.get("1")).price} cents`);
  await cache.del(productKey("1"));
  console.log(`after a DEL, the same store: ${said(await products.store("1", version, product, asked))}`);
  console.log(`next read: ${(await products.get("1")).price} cents`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
