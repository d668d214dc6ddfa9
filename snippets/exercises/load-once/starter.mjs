// npm install ioredis@6.0.0
// Exercise: a lock that lets one caller load for all. Three gaps are marked TODO; complete them.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

export const TTL = 60; // seconds
export const LOCK_MS = 2000; // longer than the query takes; the lock of a dead caller goes by itself
export const PAUSE = 50; // milliseconds between two looks of a caller that waits

export const cacheKey = (category) => `cache:toplist:${category}`; // differs: the exercise's
export const lockKey = (category) => `lock:toplist:${category}`; // differs: the exercise's

export class Bestsellers {
  constructor(cache, query) {
    this.cache = cache;
    this.query = query;
    this.databaseLoads = 0;
  }

  // --8<-- [start:get]
  async get(category) {
    const cached = await this.cache.get(cacheKey(category));
    if (cached !== null) return cached;

    const token = randomUUID();
    if (!(await this.cache.set(lockKey(category), token, "PX", LOCK_MS, "NX"))) {
      // TODO 1: Another caller is loading. Wait for what it stores.
      // If it has died, its lock expires, and it is your turn.
      return this.load(category);
    }
    try {
      // TODO 2: The list may have come between your look into the cache
      // and your lock. Do not load it a second time.
      return await this.load(category);
    } finally {
      // TODO 3: Your lock may have expired, and be another caller's now.
      // Delete it only if it still holds your token, in one step.
      await this.cache.del(lockKey(category));
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
