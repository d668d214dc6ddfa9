// npm install ioredis@6.0.0
// Stale while revalidate: past its soft expiry a value is still served, while one reader has it loaded anew.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

export const FRESH = 60; // seconds until a new value is wanted: the soft expiry, inside the value
export const TTL = 3600; // seconds until an old value is worse than none: the hard one, on the key
export const LOCK_TTL = 10; // seconds: longer than a load, and the pause after a failed one
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1]) end
return 0`;

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

export const cacheKey = (category) => `cache:bestsellers:${category}`;
export const lockKey = (category) => `lock:bestsellers:${category}`;

export class Bestsellers {
  constructor(cache, load, now = () => Date.now() / 1000) {
    Object.assign(this, { cache, load, now });
    this.stats = { refreshes: 0, "failed refreshes": 0, "cache errors": 0 };
    this.refreshing = null; // the latest refresh, to wait for
  }

  // --8<-- [start:read]
  async get(category) {
    const cached = await this.tryCache(() => this.cache.get(cacheKey(category)));
    if (cached === null) {
      const titles = await this.load(category); // cold: this caller waits
      await this.tryCache(() => this.store(category, titles));
      return titles;
    }
    if (this.isStale(cached)) await this.startRefresh(category);
    return JSON.parse(cached).value; // fresh or not, at once
  }

  isStale(cached) {
    return JSON.parse(cached).fresh_until <= this.now();
  }

  store(category, titles, ...onlyIfThere) {
    const entry = { value: titles, fresh_until: Math.round(this.now()) + FRESH };
    const value = JSON.stringify(entry);
    return this.cache.set(cacheKey(category), value, "EX", TTL, ...onlyIfThere);
  }
  // --8<-- [end:read]

  // --8<-- [start:refresh]
  async startRefresh(category) {
    const [lock, token] = [lockKey(category), randomUUID()];
    const take = () => this.cache.set(lock, token, "PX", LOCK_TTL * 1000, "NX");
    if (await this.tryCache(take)) // NX: one reader of all gets it
      this.refreshing = this.refresh(category, token); // not awaited
  }

  async refresh(category, token) {
    try {
      const cached = await this.cache.get(cacheKey(category));
      if (cached !== null && this.isStale(cached)) { // still: none came first
        this.stats.refreshes += 1;
        await this.store(category, await this.load(category), "XX");
      }
      await this.cache.eval(RELEASE, 1, lockKey(category), token);
    } catch (error) { // readers have the old value; the lock stays
      this.stats["failed refreshes"] += 1;
      console.error(`refresh of bestsellers ${category}:`, error);
    }
  }
  // --8<-- [end:refresh]

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
  await cache.del(cacheKey("scifi"), lockKey("scifi")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold");
  let clock = 1000; // a clock that the demonstration moves on

  const load = (category) => {
    const query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10";
    return db.prepare(query).all(category).map((row) => row.title);
  };

  const books = new Bestsellers(cache, load, () => clock);
  console.log("cold:", (await books.get("scifi"))[0]);
  db.exec("INSERT INTO books VALUES ('Solaris', 'scifi', 10)");
  clock += 30;
  console.log("30 s later, fresh:", (await books.get("scifi"))[0]);
  clock += 31;
  console.log("61 s later, stale:", (await books.get("scifi"))[0]);
  await books.refreshing;
  console.log("the next read:", (await books.get("scifi"))[0]);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
