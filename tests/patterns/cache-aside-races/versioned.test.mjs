/** What versions add to cache-aside, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { connect, productKey, Products } from "../../../snippets/patterns/cache-aside-races/versioned.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

const KEY = productKey("1");

function makeProducts(t, url) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price_cents INTEGER, version INTEGER)");
  db.exec("INSERT INTO products VALUES ('1', 'Tea', 450, 1)");
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Products(cache, db);
}

test("late_reader_cannot_store_the_old_version", async (t) => {
  const products = makeProducts(t, await flushed());
  const { version, product } = products.load("1");
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  assert.equal(await products.store("1", version, product), false);
  assert.equal((await products.get("1")).price_cents, 475);
  assert.equal(await products.store("1", version, product), false); // what is stored now protects as well
  assert.equal((await products.get("1")).price_cents, 475);
});

test("tombstone_holds_the_version_and_outlives_a_reader", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.get("1");
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  assert.deepEqual(await products.cache.hgetall(KEY), { version: "2" });
  const ttl = await products.cache.ttl(KEY);
  assert.ok(ttl > 50 && ttl <= 60, `${ttl}`);
});

test("version_protects_only_while_one_is_stored", async (t) => {
  const products = makeProducts(t, await flushed());
  const { version, product } = products.load("1");
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  await products.cache.del(KEY); // as an eviction would, or an expiry
  assert.equal(await products.store("1", version, product), true);
  assert.equal((await products.get("1")).price_cents, 450);
});

test("late_tombstone_does_not_take_the_version_back", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  await products.save({ id: "1", name: "Tea", price_cents: 500 });
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
  const { version, product } = products.load("2");
  await products.save({ id: "2", name: "Cup", price_cents: 900 });
  assert.equal(await products.store("2", version, product), false);
  assert.equal((await products.get("2")).name, "Cup");
});

test("versioned_corrupt_data_is_a_miss", async (t) => {
  const products = makeProducts(t, await flushed());
  for (const data of ["", "{", "null", "[1]", '{"id":"1"}', '{"id":"1","name":"Tea","price_cents":"x"}']) {
    await products.cache.hset(KEY, { version: "not a number", data });
    assert.equal((await products.get("1")).name, "Tea");
    assert.equal(await products.cache.hget(KEY, "version"), "1");
  }
});

test("versioned_code_fails_open", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const products = makeProducts(t, server.url);
  await products.cache.ping();
  await server.kill();
  assert.equal((await products.get("1")).price_cents, 450);
  await products.save({ id: "1", name: "Tea", price_cents: 475 });
  assert.equal((await products.get("1")).price_cents, 475);
  assert.equal(products.stats["cache errors"], 5); // two reads of HGET and EVAL, one EVAL
});
