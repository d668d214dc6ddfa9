/** What the write-through page claims, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import {
  CHANGE, connect, DELETE, productKey, Products, SAVE, TOMBSTONE_TTL, TTL,
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
const late = { id: "1", version: 1, data: '{"id":"1","name":"Pen","price":200}' };

test("two_writers_late_loser_does_not_win", async (t) => {
  const products = makeProducts(t, await flushed());
  const stored = [];
  class Late extends Products {
    async store(row) {
      await products.write(CHANGE, { id: "1", price: 300 }); // commits and stores before the late one stores
      stored.push(await super.store(row));
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
  assert.equal(await products.store(late), false);
  assert.deepEqual(await cached(products), ["2", null]);
  const ttl = await products.cache.ttl("cache:product:1");
  assert.ok(ttl > 0 && ttl <= TOMBSTONE_TTL, `${ttl}`);
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
  assert.equal(await products.store(late), false);
  await products.cache.del("cache:product:1"); // as eviction does
  assert.equal(await products.store(late), true);
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
  assert.equal(products.stats["cache errors"], 1);
  assert.equal((await products.get("1")).price, 300);
  assert.equal(products.stats["cache errors"], 3); // HMGET and EVAL
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

test("a_key_of_another_type_surfaces", async (t) => {
  const products = makeProducts(t, await flushed());
  await products.cache.set("cache:product:1", "a string");
  await assert.rejects(products.get("1"), /WRONGTYPE/);
  await assert.rejects(products.write(CHANGE, { id: "1", price: 1 }), /WRONGTYPE/);
  assert.equal(products.stats["cache errors"], 0);
});
