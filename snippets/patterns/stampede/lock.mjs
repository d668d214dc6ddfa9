// npm install ioredis@6.0.0
// One load over all processes: whoever takes the lock loads, the others wait for what that one stores.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

// --8<-- [start:release]
export const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`;
// --8<-- [end:release]

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
const jitter = (ttl) => Math.round(ttl * (0.9 + Math.random() * 0.2));

export class Bestsellers {
  constructor(cache, load, { lockTtl = 5000, wait = 8000 } = {}) {
    Object.assign(this, { cache, load, lockTtl, wait }); // milliseconds
    this.stats = { "cache errors": 0 };
  }

  // --8<-- [start:read]
  async get(category) {
    const token = randomUUID(); // ours alone, so that we release no other's lock
    const cached = await this.tryCache(() => this.valueOrLock(category, token));
    if (cached !== null) return JSON.parse(cached);
    try {
      const titles = await this.load(category);
      await this.tryCache(() => this.store(category, titles));
      return titles;
    } finally {
      await this.tryCache(() => this.release(category, token));
    }
  }
  // --8<-- [end:read]

  // --8<-- [start:lock]
  /** Return the value, or null where the caller has to load it. */
  async valueOrLock(category, token) {
    const [key, lock] = [cacheKey(category), lockKey(category)];
    const giveUp = performance.now() + this.wait;
    while (performance.now() < giveUp) {
      const cached = await this.cache.get(key);
      if (cached !== null) return cached;
      if (await this.cache.set(lock, token, "PX", this.lockTtl, "NX")) {
        const second = await this.cache.get(key); // stored since the first look?
        if (second !== null) await this.release(category, token);
        return second;
      }
      await sleep(20 + Math.random() * 40); // jitter: do not poll in step
    }
    return null; // the lock is stuck: better a load too many than no answer
  }
  // --8<-- [end:lock]

  // --8<-- [start:store]
  store(category, titles) {
    const [value, ttl] = [JSON.stringify(titles), jitter(3600)];
    return this.cache.set(cacheKey(category), value, "EX", ttl, "NX"); // first wins
  }

  release(category, token) {
    return this.cache.eval(RELEASE, 1, lockKey(category), token);
  }
  // --8<-- [end:store]

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
  let loads = 0;

  const load = async (category) => {
    loads += 1;
    await sleep(200); // a slow query
    const query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10";
    return db.prepare(query).all(category).map((row) => row.title);
  };

  const books = new Bestsellers(cache, load);
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  console.log(`${answers.length} readers of a cold key, loads: ${loads}`);
  await cache.del(cacheKey("scifi"));
  await cache.set(lockKey("scifi"), "a holder that was killed", "PX", 1000);
  const [title] = await books.get("scifi");
  console.log(`a killed holder's lock: ${title}, loads: ${loads}`);
  console.log(`locks left: ${await cache.exists(lockKey("scifi"))}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
