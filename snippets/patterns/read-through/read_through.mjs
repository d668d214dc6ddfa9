// npm install ioredis@6.0.0
// Read-through: a cache that owns its loader, so that callers ask one object and never see the database.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { Redis } from "ioredis";

const [TTL, MISSING_TTL, MISSING] = [3600, 60, "missing"];
const jitter = (ttl) => Math.round(ttl * (0.9 + Math.random() * 0.2));

// --8<-- [start:cache]
/** Carts, wherever they come from. All policy of caching them is in here. */
export class CartCache {
  constructor(cache, load) {
    Object.assign(this, { cache, load });
    this.stats = { loads: 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
    this.stats["corrupt values"] = this.stats["not stored"] = 0;
  }

  async get(id) {
    const cached = await this.tryCache(() => this.cache.get(this.key(id)));
    if (cached === MISSING) return null;
    const known = cached === null ? null : this.decode(cached);
    if (known !== null) return known;
    this.stats.loads += 1;
    const cart = await this.load(id); // may throw: then nothing is stored
    const value = cart ? this.encode(cart) : MISSING;
    const ttl = jitter(cart ? TTL : MISSING_TTL);
    if (value !== null)
      await this.tellCache(() => this.cache.set(this.key(id), value, "EX", ttl));
    return cart;
  }

  /** Whoever writes the database calls this after the commit. */
  async forget(id) {
    await this.tellCache(() => this.cache.del(this.key(id)));
  }
  // --8<-- [end:cache]

  /** A cart as JSON, if it comes back as it went in: no BigInt, Date or NaN does. */
  encode(cart) {
    try {
      const value = JSON.stringify(cart);
      if (isDeepStrictEqual(JSON.parse(value), cart)) return value;
    } catch {
      // a BigInt, or a circle
    }
    this.stats["not stored"] += 1;
    return null;
  }

  key(id) {
    return `cache:cart:${id}`;
  }

  decode(cached) { // differs: a cart's items are counts
    try {
      const { id, items, ...more } = JSON.parse(cached);
      const counts = Object.values(items).every(Number.isInteger) && !Array.isArray(items);
      if (typeof id === "string" && typeof items === "object" && counts && !Object.keys(more).length)
        return { id, items };
    } catch {
      // no JSON, or null somewhere
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

// --8<-- [start:wiring]
/** The one place that knows both stores. Everyone else is given what it returns. */
export function makeCarts(cache, db) {
  const query = db.prepare(
    "SELECT product_id, quantity FROM cart_items WHERE cart_id = ? ORDER BY 1",
  );
  const load = (id) => {
    const rows = query.all(id).map((row) => [row.product_id, row.quantity]);
    return rows.length ? { id, items: Object.fromEntries(rows) } : null;
  };
  return new CartCache(cache, load);
}

export async function describe(carts, id) {
  const cart = await carts.get(id); // no Redis and no SQL here
  if (cart === null) return "no such cart";
  return `${Object.values(cart.items).reduce((sum, n) => sum + n, 0)} items`;
}
// --8<-- [end:wiring]

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
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER)");
  db.exec("INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1)");
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const carts = makeCarts(cache, db);
  for (const id of ["7", "8"]) await carts.forget(id); // left by an earlier run
  const show = async (step, id) => {
    const said = await describe(carts, id);
    console.log(`${step}: ${said}, loads: ${carts.stats.loads}`);
  };
  await show("first read", "7");
  await show("second read", "7");
  db.exec("UPDATE cart_items SET quantity = 5 WHERE cart_id = '7' AND product_id = 'tea'");
  await show("after a write that told nobody", "7");
  await carts.forget("7");
  await show("after forget", "7");
  await show("missing cart", "8");
  await show("missing cart again", "8");
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
