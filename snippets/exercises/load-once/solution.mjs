// npm install ioredis@6.0.0
// Exercise, solved: of all callers that miss together, one loads; its lock is released by nobody else.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

export const TTL = 60; // seconds
export const LOCK_MS = 2000; // longer than the query takes; the lock of a dead caller goes by itself
export const PAUSE = 50; // milliseconds between two looks of a caller that waits

export const cacheKey = (category) => `cache:toplist:${category}`; // differs: the exercise's
export const lockKey = (category) => `lock:toplist:${category}`; // differs: the exercise's

// --8<-- [start:release]
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
`;
// --8<-- [end:release]

export class Bestsellers {
  constructor(cache, query) {
    this.cache = cache;
    this.query = query;
    this.databaseLoads = 0;
  }

  // --8<-- [start:get]
  async get(category) {
    const token = randomUUID();
    for (;;) {
      const cached = await this.cache.get(cacheKey(category));
      if (cached !== null) return cached;
      if (await this.cache.set(lockKey(category), token, "PX", LOCK_MS, "NX")) break;
      await sleep(PAUSE); // another loads; or its lock will expire
    }
    try {
      const cached = await this.cache.get(cacheKey(category)); // again
      return cached === null ? await this.load(category) : cached;
    } finally {
      await this.cache.eval(RELEASE, 1, lockKey(category), token);
    }
  }
  // --8<-- [end:get]

  async load(category) {
    this.databaseLoads += 1;
    const value = await this.query(category);
    await this.cache.set(cacheKey(category), value, "EX", TTL);
    return value;
  }
}

/** Stand for a query over all orders, which takes its time. */
async function report(category) {
  await sleep(500);
  return `the best of ${category}`;
}

async function main(...categories) {
  const cache = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const shop = new Bestsellers(cache, report);
  for (const category of categories) // a single caller, as the checks start it
    console.log(`${category}: ${await shop.get(category)}, database loads: ${shop.databaseLoads}`);
  if (categories.length > 0) return cache.quit();

  for (const category of ["books", "games"]) // left by an earlier run
    await cache.del(cacheKey(category), lockKey(category));
  await Promise.all(Array.from({ length: 8 }, () => shop.get("books")));
  console.log(`database loads for 8 callers at once: ${shop.databaseLoads}`);

  const slowReport = async (category) => {
    // so slow that its caller's lock expires, and another caller takes the lock
    await cache.set(lockKey(category), "another caller", "PX", LOCK_MS);
    return report(category);
  };
  await new Bestsellers(cache, slowReport).get("games");
  const kept = await cache.exists(lockKey("games"));
  console.log(`lock of another caller: ${kept ? "kept" : "deleted"}`);
  await cache.del(lockKey("games"));
  return cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main(...process.argv.slice(2));
