/** What the read-through page claims, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { CartCache, connect, describe, makeCarts } from "../../../snippets/patterns/read-through/read_through.mjs";
import { flushed, keys, startServer } from "../../../harness/redis_server.mjs";

const KEY = "cache:cart:7";
const CART = { id: "7", items: { cup: 1, tea: 2 } };

/** A cache over one cart, and its loader, which counts and fails when told to. */
function makeCache(t, url) {
  const loader = { asked: 0, error: null };
  const cache = connect(url);
  t.after(() => cache.disconnect());
  const carts = new CartCache(cache, (id) => {
    loader.asked += 1;
    if (loader.error) throw loader.error;
    return id === "7" ? CART : null;
  });
  return { carts, cache, loader };
}

function database() {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER)");
  db.exec("INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1)");
  return db;
}

test("loader_is_called_once_per_miss", async (t) => {
  const { carts, cache, loader } = makeCache(t, await flushed());
  for (let round = 0; round < 3; round += 1) assert.deepEqual(await carts.get("7"), CART);
  assert.deepEqual([loader.asked, carts.stats.loads], [1, 1]);
  assert.equal(await cache.get(KEY), '{"id":"7","items":{"cup":1,"tea":2}}');
  const ttl = await cache.ttl(KEY);
  assert.ok(ttl > 3200 && ttl <= 3960, `${ttl}`);
  await carts.forget("7");
  assert.deepEqual(await carts.get("7"), CART);
  assert.equal(loader.asked, 2);
});

test("caller_never_sees_the_database", async (t) => {
  const { cache } = makeCache(t, await flushed());
  const db = database();
  const carts = makeCarts(cache, db);
  assert.equal(await describe(carts, "7"), "3 items");
  db.close();
  assert.equal(await describe(carts, "7"), "3 items");
  const elsewhere = new CartCache(cache, (id) => ({ id, items: { tea: 9 } }));
  assert.equal(await describe(elsewhere, "9"), "9 items");
});

test("loader_error_is_not_cached", async (t) => {
  const { carts, cache, loader } = makeCache(t, await flushed());
  loader.error = new Error("the database does not answer");
  await assert.rejects(carts.get("7"), /does not answer/);
  assert.deepEqual(await keys(cache), []);
  loader.error = null;
  assert.deepEqual(await carts.get("7"), CART);
});

test("missing_cart_is_cached_briefly", async (t) => {
  const { carts, cache, loader } = makeCache(t, await flushed());
  for (const hostile of ["8", "7 OR 1=1", "7' OR '1'='1", "*", "ключ\n", "x".repeat(10_000)]) {
    assert.equal(await carts.get(hostile), null);
    assert.equal(await carts.get(hostile), null);
  }
  assert.equal(loader.asked, 6);
  const ttl = await cache.ttl("cache:cart:8");
  assert.ok(ttl > 0 && ttl <= 66, `${ttl}`);
  assert.deepEqual(await carts.get("7"), CART);
});

test("hostile_cart_id_finds_nothing", async (t) => {
  const { cache } = makeCache(t, await flushed());
  const carts = makeCarts(cache, database());
  const hostile = [
    "7 OR 1=1", "7' OR '1'='1", "*", "7; DROP TABLE cart_items", "ключ\n", "x".repeat(10_000),
  ];
  for (const id of hostile) assert.equal(await carts.get(id), null);
  assert.deepEqual(await carts.get("7"), CART);
});

test("redis_down_still_loads", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const { carts, loader } = makeCache(t, server.url);
  assert.deepEqual(await carts.get("7"), CART);
  await server.kill();
  assert.deepEqual(await carts.get("7"), CART);
  assert.deepEqual(await carts.get("7"), CART);
  await carts.forget("7");
  assert.equal(loader.asked, 3);
  assert.equal(carts.stats["cache errors"], 5); // two reads of GET and SET, one DEL
});

test("corrupt_cart_is_loaded_again", async (t) => {
  const { carts, cache, loader } = makeCache(t, await flushed());
  const corrupt = [
    "", "{", "null", "7", "[]", '{"id":"7"}', '{"id":"7","items":null}', '{"id":"7","items":{"tea":"2"}}',
    '{"id":"7","items":{},"more":1}',
  ];
  for (const [before, value] of corrupt.entries()) {
    await cache.set(KEY, value);
    assert.deepEqual(await carts.get("7"), CART);
    assert.deepEqual([carts.stats["corrupt values"], loader.asked], [before + 1, before + 1]);
    assert.equal(await cache.get(KEY), '{"id":"7","items":{"cup":1,"tea":2}}');
  }
});

// The caller has what the loader returned, whatever that is, and so has the next.
test("what_would_not_come_back_as_it_was_is_not_stored", async (t) => {
  for (const count of [2n, new Date(), undefined, NaN]) {
    const { cache } = makeCache(t, await flushed());
    const cart = { id: "7", items: { tea: count } };
    const carts = new CartCache(cache, () => Promise.resolve(cart));
    assert.equal(await carts.get("7"), cart);
    assert.equal(await carts.get("7"), cart);
    assert.deepEqual([carts.stats["not stored"], carts.stats.loads], [2, 2]);
    assert.equal(await cache.get(KEY), null);
  }
});

test("who_is_told_of_a_write_reads_it", async (t) => {
  const { cache } = makeCache(t, await flushed());
  let cart = CART;
  const carts = new CartCache(cache, () => Promise.resolve(cart));
  await carts.get("7");
  cart = { id: "7", items: { tea: 5 } };
  await carts.forget("7");
  assert.deepEqual(await carts.get("7"), cart);
});

// The race of cache-aside, which this pattern does not close either.
test("overtaken_loader_leaves_the_old_cart_until_its_ttl", async (t) => {
  const { cache } = makeCache(t, await flushed());
  const carts = new CartCache(cache, async () => {
    await carts.forget("7"); // a writer commits and tells before we store
    return CART;
  });
  await carts.get("7");
  carts.load = () => Promise.resolve({ id: "7", items: { tea: 5 } });
  assert.deepEqual(await carts.get("7"), CART);
  const ttl = await cache.ttl(KEY);
  assert.ok(ttl > 0 && ttl <= 3960, `${ttl}`);
});
