// npm install ioredis@6.0.0
// Write-behind, the accepting side: a cart and its stream entry in one step; worker.mjs takes it to the database.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

// --8<-- [start:script]
const [STREAM, WAITING] = ["stream:carts", "stream:carts:waiting"];
const GROUP = "writers";
export const LIMIT = 10_000; // entries that may wait; beyond it, writes are refused
const REPEATED_S = 600; // s in which a repeat is known as one

// One step: the entry's id is the cart's version, and Redis only counts it up.
export const ACCEPT = `
local accepted = redis.call('GET', KEYS[2])
if accepted then return accepted end  -- a repeat is no new write
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[3]) then return false end
local version = redis.call('XADD', KEYS[3], '*', 'id', ARGV[1], 'data', ARGV[2])
redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
redis.call('HSET', KEYS[4], ARGV[1], version)  -- until the database has it
redis.call('SET', KEYS[2], version, 'EX', ARGV[4])
return version
`;
// --8<-- [end:script]

// --8<-- [start:lost]
const LOST = `
local lost = 0
for _, version in ipairs(redis.call('HVALS', KEYS[2])) do
  local found = redis.call('XRANGE', KEYS[1], version, version)[1]
  if not found then lost = lost + 1 end
end
return lost
`;
// --8<-- [end:lost]

/** Too many writes wait for the database: refuse this one. */
export class QueueFullError extends Error {}

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

/** A cart as JSON, or an error: NaN, say, would become null without a word. */
function toJson(cart) {
  return JSON.stringify(cart, (name, value) => {
    const none = name === "" && value === undefined;
    if (none || (typeof value === "number" && !Number.isFinite(value)))
      throw new TypeError(`${name}: ${value} is no JSON`);
    return value;
  });
}

export class Carts {
  constructor(cache, db, limit = LIMIT) {
    Object.assign(this, { cache, db, limit });
    this.stats = { "corrupt values": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
  }

  // --8<-- [start:accept]
  /** Accept a cart; its version. If this throws, repeat it: the same request. */
  async save(id, cart, request) {
    const args = [id, toJson(cart), this.limit, REPEATED_S];
    const keys = [`cart:${id}`, `cart:${id}:request:${request}`, STREAM, WAITING];
    const accepting = this.cache.eval(ACCEPT, keys.length, ...keys, ...args);
    const version = await accepting.catch((error) => {
      this.failed(error);
      throw error; // nobody else has this write, so the caller must know
    });
    if (version === null) throw new QueueFullError(`${this.limit} writes wait`);
    return version;
  }
  // --8<-- [end:accept]

  // --8<-- [start:read]
  async get(id) {
    const data = await this.tryCache(() => this.cache.hget(`cart:${id}`, "data"));
    const cart = data === null ? null : this.decode(data);
    if (cart !== null) return cart;
    // the row may be older than what was accepted; and it is not cached: see the page
    const row = this.db.prepare("SELECT data FROM carts WHERE id = ?").get(id);
    return row === undefined ? null : JSON.parse(row.data);
  }

  decode(data) { // differs: a cart has any fields
    try {
      const cart = JSON.parse(data);
      const fields = typeof cart === "object" && !Array.isArray(cart);
      if (fields && cart !== null) return cart;
    } catch {
      // no JSON
    }
    this.stats["corrupt values"] += 1;
    return null;
  }
  // --8<-- [end:read]

  /** Ask. If Redis is away, count that and answer null; a mistake surfaces. */
  async tryCache(command) {
    try {
      return await command();
    } catch (error) {
      if (this.failed(error) === MISTAKE) throw error;
      return null;
    }
  }

  failed(error) {
    const kind = kindOf(error);
    this.stats[kind] += 1;
    return kind;
  }

  // --8<-- [start:depth]
  /** What waits: alert on it. A lag of null: Redis cannot tell. */
  async depth() {
    const entries = await this.cache.xlen(STREAM);
    const groups = entries ? await this.cache.xinfo("GROUPS", STREAM) : [];
    const group = groups.find((list) => list[list.indexOf("name") + 1] === GROUP);
    const field = (name, none) => (group ? group[group.indexOf(name) + 1] : none);
    return {
      entries,
      "not yet read": field("lag", entries), // the worker will make a group
      "read, not acknowledged": field("pending", 0),
      "lost or buried": await this.cache.eval(LOST, 2, STREAM, WAITING),
    };
  }
  // --8<-- [end:depth]
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const requests = [..."abcd"].flatMap((name) => [1, 2].map((id) => `cart:${id}:request:${name}`));
  const ours = ["cart:1", "cart:2", STREAM, WAITING, ...requests];
  await cache.del(ours); // left by an earlier run
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)");
  db.exec("INSERT INTO carts VALUES ('2', '', '{\"ink\":1}')");
  const carts = new Carts(cache, db, 3);
  const [first, second] = [await carts.save("1", { pen: 1 }, "a"), await carts.save("1", { pen: 2 }, "b")];
  console.log(`accepted twice, in order: ${first < second ? "yes" : "no"}`);
  const repeated = await carts.save("1", { pen: 1 }, "a");
  console.log(`the first one repeated is a new write: ${repeated === first ? "no" : "yes"}`);
  console.log(`cart 1 in Redis: ${JSON.stringify(await carts.get("1"))} TTL ${await cache.ttl("cart:1")}`);
  const row = db.prepare("SELECT data FROM carts WHERE id = '1'").get();
  console.log(`cart 1 in the database: ${row?.data ?? "nothing yet"}`);
  console.log(`cart 2, only in the database: ${JSON.stringify(await carts.get("2"))}`);
  await cache.xreadgroup("GROUP", GROUP, "a worker", "COUNT", 1, "STREAMS", STREAM, ">");
  console.log(Object.entries(await carts.depth()).map((entry) => entry.join(": ")).join("; "));
  await carts.save("2", { ink: 2 }, "c");
  await carts.save("1", { pen: 3 }, "d").catch((error) => console.log(`refused: ${error.message}`));
  await cache.del(ours); // no worker would take them
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
