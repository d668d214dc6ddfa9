/** What versions add to cache-aside, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { connect, productKey, Products } from "../../../snippets/patterns/cache-aside-races/versioned.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

const KEY = productKey("1");

function makeProducts(t, url) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)");
  db.exec("INSERT INTO products VALUES ('1', 'Tea', 450, 1)");
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Products(cache, db);
}

test("late_reader_cannot_store_the_old_version", async (t) => {
  const products = makeProducts(t, await flushed());
  const [, asked] = await products.ask("1");
  const { version, product } = products.load("1");
  await products.save({ id: "1", name: "Tea", price: 475 });
  assert.equal(await products.store("1", version, product, asked), false);
  assert.equal((await products.get("1")).price, 475);
  assert.equal(await products.store("1", version, product, asked), false); // what is stored now protects as well
  assert.equal((await products.get("1")).price, 475);
});

test("tombstone_holds_the_version_for_a_minute", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.get("1");
  await products.save({ id: "1", name: "Tea", price: 475 });
  assert.deepEqual(await products.cache.hgetall(KEY), { version: "2" });
  const ttl = await products.cache.ttl(KEY);
  assert.ok(ttl > 50 && ttl <= 60, `${ttl}`);
});

// A reader asks, Redis freezes, a minute passes, the tombstone with it: as Redis counts, the store is late.
test("store_that_comes_late_is_refused_also_after_the_tombstone", async (t) => {
  const products = makeProducts(t, await flushed());
  const [, asked] = await products.ask("1");
  const { version, product } = products.load("1");
  await products.save({ id: "1", name: "Tea", price: 475 });
  await products.cache.pexpire(KEY, 0); // a minute later
  assert.equal(await products.store("1", version, product, asked - 31), false);
  assert.equal(await products.cache.exists(KEY), 0);
  assert.equal(await products.store("1", version, product, asked - 29), true); // in time: no tombstone has expired yet
});

// A tombstone takes the place of the old value; where there is none, it does not fit, and nothing is stale.
test("full_redis_keeps_no_old_product", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const products = makeProducts(t, server.url);
  await products.get("1");
  await products.cache.config("SET", "maxmemory", 1);
  await products.save({ id: "1", name: "Tea", price: 475 });
  assert.deepEqual(await products.cache.hgetall(KEY), { version: "2" });
  await products.save({ id: "2", name: "Cup", price: 900 });
  assert.equal((await products.get("2")).price, 900);
  assert.equal(products.stats["refused writes"], 2);
  assert.equal(await products.cache.exists(productKey("2")), 0);
});

test("version_protects_only_while_one_is_stored", async (t) => {
  const products = makeProducts(t, await flushed());
  const [, asked] = await products.ask("1");
  const { version, product } = products.load("1");
  await products.save({ id: "1", name: "Tea", price: 475 });
  await products.cache.del(KEY); // as an eviction would, or an expiry
  assert.equal(await products.store("1", version, product, asked), true);
  assert.equal((await products.get("1")).price, 450);
});

test("late_tombstone_does_not_take_the_version_back", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.save({ id: "1", name: "Tea", price: 475 });
  await products.save({ id: "1", name: "Tea", price: 500 });
  assert.equal(await products.put(KEY, 2, 60), false);
  assert.equal(await products.cache.hget(KEY, "version"), "3");
});

test("versioned_second_read_does_not_hit_db", async (t) => {
  const products = makeProducts(t, await flushed());
  assert.deepEqual(await products.get("1"), await products.get("1"));
  assert.equal(products.stats["database reads"], 1);
  const ttl = await products.cache.ttl(KEY);
  assert.ok(ttl > 3200 && ttl <= 3960, `${ttl}`);
});

test("missing_product_is_version_0_and_yields_to_an_insert", async (t) => {
  const products = makeProducts(t, await flushed());
  for (const hostile of ["2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", "x".repeat(10_000)])
    assert.equal(await products.get(hostile), null);
  assert.equal(await products.get("2"), null);
  assert.equal(products.stats["database reads"], 6);
  const ttl = await products.cache.ttl(productKey("2"));
  assert.ok(ttl > 0 && ttl <= 66, `${ttl}`);
  const [, asked] = await products.ask("2");
  const { version, product } = products.load("2");
  await products.save({ id: "2", name: "Cup", price: 900 });
  assert.equal(await products.store("2", version, product, asked), false);
  assert.equal((await products.get("2")).name, "Cup");
});

test("versioned_corrupt_data_is_a_miss", async (t) => {
  const products = makeProducts(t, await flushed());
  const values = ["", "{", "NaN", "null", "[1]", '{"id":"1"}', '{"id":"1","name":"Tea","price":"x"}', "[".repeat(100_000)];
  for (const [before, data] of values.entries()) {
    await products.cache.hset(KEY, { version: "not a number", data });
    assert.equal((await products.get("1")).name, "Tea");
    assert.equal(await products.cache.hget(KEY, "version"), "1");
    assert.equal(products.stats["corrupt values"], before + 1);
  }
});

test("versioned_code_fails_open", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const products = makeProducts(t, server.url);
  await products.cache.ping();
  await server.kill();
  assert.equal((await products.get("1")).price, 450);
  await products.save({ id: "1", name: "Tea", price: 475 });
  assert.equal((await products.get("1")).price, 475);
  assert.equal(products.stats["cache errors"], 3); // two questions, one tombstone; who could not ask does not store
});
