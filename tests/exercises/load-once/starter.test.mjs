/** What is missing in the starter, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";

import { Bestsellers } from "../../../snippets/exercises/load-once/starter.mjs";
import { flushed } from "../../../harness/redis_server.mjs";
import { overtake, loseLock } from "../../../practice/exercises/load-once/callers.mjs";

/** A shop on an empty Redis; the client is closed when the test ends. */
async function makeShop(t, query = () => "ours") {
  const cache = new Redis(await flushed());
  t.after(() => cache.disconnect());
  return new Bestsellers(cache, (category) => query(category, cache));
}

test("starter_loads_though_the_lock_is_taken", async (t) => {
  const shop = await makeShop(t);
  await shop.cache.set("lock:toplist:books", "theirs", "PX", 10_000);
  assert.equal(await shop.get("books"), "ours");
  assert.equal(shop.databaseLoads, 1);
  assert.equal(await shop.cache.get("lock:toplist:books"), "theirs"); // it did not wait for that to expire
});

test("starter_loads_again_when_it_gets_the_lock_late", async (t) => {
  const shop = await makeShop(t);
  overtake(shop.cache);
  assert.equal(await shop.get("books"), "ours");
  assert.equal(shop.databaseLoads, 1);
});

test("starter_deletes_the_lock_of_another_caller", async (t) => {
  const shop = await makeShop(t, loseLock);
  await shop.get("books");
  assert.equal(await shop.cache.exists("lock:toplist:books"), 0);
});
