// npm install ioredis@6.0.0
// Write-behind, the accepting side: a cart and its stream entry in one step; worker.mjs takes it to the database.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

// --8<-- [start:script]
const [STREAM, GROUP] = ["stream:carts", "writers"];
export const LIMIT = 10_000; // entries that may wait; beyond it, writes are refused

// One step: the entry's id is the cart's version, and Redis only counts it up.
const ACCEPT = `
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then return false end
local version = redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'data', ARGV[2])
redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
return version
`;
// --8<-- [end:script]

/** Too many writes wait for the database: refuse this one. */
export class QueueFullError extends Error {}

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

export class Carts {
  constructor(cache, db, limit = LIMIT) {
    Object.assign(this, { cache, db, limit, cacheErrors: 0 });
  }

  // --8<-- [start:accept]
  /** Accept a cart, and return its version. If this throws, try it again. */
  async save(id, cart) {
    const keys = [`cart:${id}`, STREAM];
    const args = [id, JSON.stringify(cart), this.limit];
    const version = await this.cache.eval(ACCEPT, 2, ...keys, ...args);
    if (version === null) throw new QueueFullError(`${this.limit} writes wait`);
    return version;
  }
  // --8<-- [end:accept]

  // --8<-- [start:read]
  async get(id) {
    let data = null;
    try {
      data = await this.cache.hget(`cart:${id}`, "data");
    } catch (error) {
      const outage = /^(Command timed out|Connection is closed|Reached the max retr)/;
      if (!outage.test(error.message)) throw error;
      this.cacheErrors += 1; // the row may be older than what was accepted
    }
    // the row does not go into the cache: see the page
    data ??= this.db.prepare("SELECT data FROM carts WHERE id = ?").get(id)?.data;
    return data === undefined ? null : JSON.parse(data);
  }
  // --8<-- [end:read]

  // --8<-- [start:depth]
  /** How much waits: alert on it. A lag of null: Redis cannot tell. */
  async depth() {
    const [list] = await this.cache.xinfo("GROUPS", STREAM);
    const field = (name) => list[list.indexOf(name) + 1];
    return {
      entries: await this.cache.xlen(STREAM),
      "not yet read": field("lag"),
      "read, not acknowledged": field("pending"),
    };
  }
  // --8<-- [end:depth]
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del("cart:1", "cart:2", STREAM); // left by an earlier run
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)");
  db.exec("INSERT INTO carts VALUES ('2', '', '{\"ink\":1}')");
  const carts = new Carts(cache, db, 3);
  const [first, second] = [await carts.save("1", { pen: 1 }), await carts.save("1", { pen: 2 })];
  console.log(`accepted twice, in order: ${first < second ? "yes" : "no"}`);
  console.log(`cart 1 in Redis: ${JSON.stringify(await carts.get("1"))} TTL ${await cache.ttl("cart:1")}`);
  const row = db.prepare("SELECT data FROM carts WHERE id = '1'").get();
  console.log(`cart 1 in the database: ${row?.data ?? "nothing yet"}`);
  console.log(`cart 2, only in the database: ${JSON.stringify(await carts.get("2"))}`);
  await cache.xreadgroup("GROUP", GROUP, "a worker", "COUNT", 1, "STREAMS", STREAM, ">");
  console.log(Object.entries(await carts.depth()).map((entry) => entry.join(": ")).join("; "));
  await carts.save("2", { ink: 2 });
  await carts.save("1", { pen: 3 }).catch((error) => console.log(`refused: ${error.message}`));
  await cache.del("cart:1", "cart:2", STREAM); // no worker would take them
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
