/** What the write-through page claims, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import {
  CHANGE, connect, DELETE, productKey, Products, SAVE, TTL, MISSING_TTL,
} from "../../../snippets/patterns/write-through/write_through.mjs";
import { flushed, keys, startServer } from "../../../harness/redis_server.mjs";

/** Products over one row, version 1, and the Redis at this URL. */
function makeProducts(t, url) {
  const db = new DatabaseSync(":memory:");
  db.exec(`CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER,
    version INTEGER NOT NULL DEFAULT 1, deleted INTEGER NOT NULL DEFAULT 0)`);
  db.exec("INSERT INTO products (id, name, price) VALUES ('1', 'Pen', 200)");
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Products(cache, db);
}

const priceInDatabase = ({ db }) => db.prepare("SELECT price FROM products WHERE id = '1'").get().price;
const cached = ({ cache }) => cache.hmget("cache:product:1", "version", "data");
/** The clock of Redis, as one who asks now sees it. */
const now = async ({ cache }) => Number((await cache.time())[0]);
const late = { id: "1", version: 1, data: '{"id":"1","name":"Pen","price":200}' };

test("two_writers_late_loser_does_not_win", async (t) => {
  const products = makeProducts(t, await flushed());
  const stored = [];
  class Late extends Products {
    async store(row, asked) {
      await products.write(CHANGE, { id: "1", price: 300 }); // commits and stores before the late one stores
      stored.push(await super.store(row, asked));
    }
  }
  await new Late(products.cache, products.db).write(CHANGE, { id: "1", price: 250 });
  assert.deepEqual(stored, [false]);
  assert.equal(priceInDatabase(products), 300);
  assert.equal((await products.get("1")).price, 300);
  assert.equal((await cached(products))[0], "3");
});

test("crash_between_commit_and_cache_write_is_stale_at_most_ttl", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(CHANGE, { id: "1", price: 250 });
  products.store = () => Promise.reject(new Error("crash"));
  await assert.rejects(products.write(CHANGE, { id: "1", price: 300 }), /crash/);
  delete products.store;
  assert.equal(priceInDatabase(products), 300);
  assert.equal((await products.get("1")).price, 250);
  const ttl = await products.cache.ttl("cache:product:1");
  assert.ok(ttl > 0 && ttl <= TTL, `${ttl}`);
  await products.cache.pexpire("cache:product:1", 0); // the hour has passed
  assert.equal((await products.get("1")).price, 300);
});

test("update_of_missing_id_caches_nothing", async (t) => {
  const products = makeProducts(t, await flushed());
  assert.equal(await products.write(CHANGE, { id: "2", name: "Nib" }), undefined);
  assert.equal(await products.write(DELETE, { id: "2" }), undefined);
  assert.equal(await products.get("2"), null);
  assert.deepEqual(await keys(products.cache), []);
});

test("partial_update_keeps_other_fields", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(CHANGE, { id: "1", name: "Fountain pen" });
  assert.equal((await cached(products))[1], '{"id":"1","name":"Fountain pen","price":200}');
  await products.write(CHANGE, { id: "1", price: 900 });
  assert.deepEqual(await products.get("1"), { id: "1", name: "Fountain pen", price: 900 });
});

test("late_v1_after_delete_is_refused", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(DELETE, { id: "1" });
  assert.equal(await products.store(late, await now(products)), false);
  assert.deepEqual(await cached(products), ["2", "missing"]);
  const ttl = await products.cache.ttl("cache:product:1");
  assert.ok(ttl > 0 && ttl <= MISSING_TTL, `${ttl}`);
  assert.equal(await products.get("1"), null);
});

test("a_deleted_product_that_comes_back_is_visible_at_once", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(DELETE, { id: "1" });
  await products.write(SAVE, { id: "1", name: "New pen", price: 100 });
  assert.deepEqual(await products.get("1"), { id: "1", name: "New pen", price: 100 });
  assert.equal((await cached(products))[0], "3");
});

test("a_version_protects_only_while_it_is_stored", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(CHANGE, { id: "1", price: 300 });
  assert.equal(await products.store(late, await now(products)), false);
  await products.cache.del("cache:product:1"); // as eviction does
  assert.equal(await products.store(late, await now(products)), true);
  assert.equal((await products.get("1")).price, 200);
  assert.equal(priceInDatabase(products), 300);
});

test("a_read_after_a_write_asks_no_database", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.write(CHANGE, { id: "1", price: 300 });
  products.db.close();
  assert.equal((await products.get("1")).price, 300);
});

test("redis_down_write_still_commits", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const products = makeProducts(t, server.url);
  await products.write(CHANGE, { id: "1", price: 250 });
  await server.kill();
  assert.equal((await products.write(CHANGE, { id: "1", price: 300 })).version, 3);
  assert.equal(priceInDatabase(products), 300);
  assert.equal(products.stats["cache errors"], 2); // the question and the store
  assert.equal((await products.get("1")).price, 300);
  assert.equal(products.stats["cache errors"], 3); // who could not ask does not store
});

test("a_product_id_is_only_a_value", async (t) => {
  const products = makeProducts(t, await flushed());
  const hostile = [
    "1 OR 1=1", "1' OR '1'='1", "*", productKey("1"), "1; DROP TABLE products", "ключ\n", "{1}", "x".repeat(10_000),
  ];
  const name = '"; return 0 --';
  for (const id of hostile) {
    assert.equal(await products.get(id), null);
    assert.equal(await products.write(CHANGE, { id, price: 1 }), undefined);
    await products.write(SAVE, { id, name, price: 1 });
    assert.deepEqual(await products.get(id), { id, name, price: 1 });
  }
  assert.equal((await products.get("1")).price, 200);
  assert.equal((await keys(products.cache)).length, 1 + hostile.length);
});

test("a_key_of_another_type_surfaces_to_readers_and_fails_no_writer", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.cache.set("cache:product:1", "a string");
  await assert.rejects(products.get("1"), /WRONGTYPE/);
  assert.equal((await products.write(CHANGE, { id: "1", price: 1 })).version, 2);
  assert.equal(priceInDatabase(products), 1);
  assert.equal(products.stats["cache errors"], 0);
  assert.equal(products.stats.mistakes, 3); // a reader's question, a writer's, and its store
});

// Asked, then frozen for longer than a version is stored: what runs after the thaw leaves a version alone.
test("store_that_comes_late_keeps_no_data", async (t) => {
  const products = makeProducts(t, await flushed());
  const asked = await now(products);
  const row = products.commit(CHANGE, { id: "1", price: 250 });
  await products.write(DELETE, { id: "1" });
  await products.cache.pexpire("cache:product:1", 0); // ten minutes later
  assert.equal(await products.store(row, asked - 301), false);
  assert.deepEqual(await cached(products), ["2", null]);
  assert.equal(await products.get("1"), null); // a version alone says nothing of the row, so it is loaded
  assert.deepEqual(await cached(products), ["3", "missing"]);
});

test("corrupt_product_is_a_counted_miss", async (t) => {
  const products = makeProducts(t, await flushed());
  const values = [
    Buffer.from([0xff, 0xfe]), "{", "NaN", "null", "5", "[1]", "[".repeat(100_000), '{"id":"1"}',
    '{"id":"1","name":"Pen","price":null}', '{"id":"1","name":"Pen","price":"200"}',
  ];
  for (const [before, data] of values.entries()) {
    for (const version of ["1", "no number"]) {
      await products.cache.hset("cache:product:1", { version, data });
      assert.deepEqual(await products.get("1"), { id: "1", name: "Pen", price: 200 });
      assert.deepEqual(await cached(products), ["1", '{"id":"1","name":"Pen","price":200}']);
    }
    assert.equal(products.stats["corrupt values"], 2 * (before + 1));
  }
});

test("full_redis_keeps_no_old_row", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const products = makeProducts(t, server.url);
  await products.get("1");
  await products.cache.config("SET", "maxmemory", 1);
  await products.write(CHANGE, { id: "1", price: 300 });
  assert.equal((await products.get("1")).price, 300);
  await products.write(SAVE, { id: "2", name: "Nib", price: 100 });
  assert.equal((await products.get("2")).price, 100);
  assert.equal(products.stats["refused writes"], 2);
  assert.equal(await products.cache.exists("cache:product:2"), 0);
});
