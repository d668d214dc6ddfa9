/** What the solution completes, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

import { Bestsellers } from "../../../snippets/exercises/load-once/solution.mjs";
import { flushed, keys } from "../../../harness/redis_server.mjs";
import { overtake, loseLock } from "../../../practice/exercises/load-once/callers.mjs";

/** A shop on an empty Redis; the client is closed when the test ends. */
async function makeShop(t, query = () => "ours") {
  const cache = new Redis(await flushed());
  t.after(() => cache.disconnect());
  return new Bestsellers(cache, (category) => query(category, cache));
}

test("solution_loads_once_for_callers_at_once", async (t) => {
  const shop = await makeShop(t, (category) => sleep(200, `the best of ${category}`));
  const found = await Promise.all(Array.from({ length: 8 }, () => shop.get("books")));
  assert.deepEqual(found, Array(8).fill("the best of books"));
  assert.equal(shop.databaseLoads, 1);
});

test("solution_takes_over_from_a_caller_that_died", async (t) => {
  const shop = await makeShop(t);
  await shop.cache.set("lock:toplist:books", "of a dead caller", "PX", 300);
  assert.equal(await shop.get("books"), "ours");
  assert.equal(shop.databaseLoads, 1);
  assert.equal(await shop.cache.exists("lock:toplist:books"), 0);
});

test("solution_does_not_load_again_when_it_gets_the_lock_late", async (t) => {
  const shop = await makeShop(t);
  overtake(shop.cache);
  assert.equal(await shop.get("books"), "theirs");
  assert.equal(shop.databaseLoads, 0);
  assert.equal(await shop.cache.exists("lock:toplist:books"), 0);
});

test("solution_keeps_the_lock_of_another_caller", async (t) => {
  const shop = await makeShop(t, loseLock);
  await shop.get("books");
  assert.equal(await shop.cache.get("lock:toplist:books"), "theirs");
});

test("solution_releases_its_lock_when_the_query_fails", async (t) => {
  const shop = await makeShop(t, () => Promise.reject(new Error("no database")));
  await assert.rejects(shop.get("books"), /no database/);
  assert.deepEqual(await keys(shop.cache), []);
});

test("solution_keeps_any_category_apart", async (t) => {
  const shop = await makeShop(t);
  await shop.cache.set("cache:toplist:books", "others");
  for (const category of ["*", "' OR 1=1", "книги\n", "x".repeat(10_000), ""]) {
    shop.databaseLoads = 0;
    for (let time = 0; time < 2; time++) assert.equal(await shop.get(category), "ours");
    assert.equal(shop.databaseLoads, 1);
  }
  assert.equal(await shop.cache.get("cache:toplist:books"), "others");
});
