/** What the write-behind page claims of the accepting side, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { Carts, connect, LIMIT, QueueFullError } from "../../../snippets/patterns/write-behind/write_behind.mjs";
import { flushed, keys, startServer } from "../../../harness/redis_server.mjs";

const [STREAM, GROUP] = ["stream:carts", "writers"];

function makeCarts(t, url, limit = LIMIT) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)");
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Carts(cache, db, limit);
}

/** Carts on a server that may take three megabytes more than it has, under a policy. */
async function pressed(t, policy) {
  const server = await startServer();
  t.after(server.stop);
  const carts = makeCarts(t, server.url);
  const used = Number((await carts.cache.info("memory")).match(/used_memory:(\d+)/)[1]);
  await carts.cache.config("SET", "maxmemory", used + 3_000_000, "maxmemory-policy", policy);
  carts.press = async () => {
    for (let first = 0; first < 30_000; first += 1000) {
      const pipe = carts.cache.pipeline();
      for (let i = first; i < first + 1000; i += 1) pipe.set(`cache:report:${i}`, "x".repeat(1000), "EX", 3600);
      await pipe.exec();
    }
    return Number((await carts.cache.info("stats")).match(/evicted_keys:(\d+)/)[1]);
  };
  return carts;
}

const ids = async ({ cache }) => (await cache.xrange(STREAM, "-", "+")).map(([id]) => id);

test("accepted_at_once_and_not_yet_in_the_database", async (t) => {
  const carts = makeCarts(t, await flushed());
  const version = await carts.save("1", { pen: 1 });
  assert.deepEqual(await carts.get("1"), { pen: 1 });
  assert.equal(carts.db.prepare("SELECT count(*) AS n FROM carts").get().n, 0);
  assert.deepEqual(await ids(carts), [version]);
  assert.deepEqual(await carts.cache.hgetall("cart:1"), { version, data: '{"pen":1}' });
});

test("an_unflushed_value_has_no_ttl", async (t) => {
  const carts = makeCarts(t, await flushed());
  await carts.save("1", { pen: 1 });
  await carts.cache.expire("cart:1", 3600); // as the worker does when it is in the database
  await carts.save("1", { pen: 2 });
  assert.equal(await carts.cache.ttl("cart:1"), -1);
});

test("full_queue_pushes_back", async (t) => {
  const carts = makeCarts(t, await flushed(), 2);
  await carts.save("1", { pen: 1 });
  const version = await carts.save("1", { pen: 2 });
  await assert.rejects(carts.save("1", { pen: 3 }), QueueFullError);
  assert.equal(await carts.cache.xlen(STREAM), 2);
  assert.deepEqual(await carts.cache.hgetall("cart:1"), { version, data: '{"pen":2}' });
  await carts.cache.xdel(STREAM, version); // the worker has caught up
  await carts.save("1", { pen: 3 });
});

test("depth_tells_what_waits_and_what_is_pending", async (t) => {
  const carts = makeCarts(t, await flushed());
  await carts.cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  for (let i = 0; i < 5; i += 1) await carts.save(`${i}`, { pen: 1 });
  await carts.cache.xreadgroup("GROUP", GROUP, "worker", "COUNT", 2, "STREAMS", STREAM, ">");
  assert.deepEqual(await carts.depth(), { entries: 5, "not yet read": 3, "read, not acknowledged": 2 });
});

test("unflushed_value_survives_eviction", async (t) => {
  const carts = await pressed(t, "volatile-lru");
  await carts.save("1", { pen: 1 });
  assert.ok((await carts.press()) > 10_000);
  assert.deepEqual(await carts.get("1"), { pen: 1 });
});

test("queue_survives_memory_pressure", async (t) => {
  const carts = await pressed(t, "volatile-lru");
  const versions = [];
  for (let i = 0; i < 100; i += 1) versions.push(await carts.save(`${i}`, { pen: 1 }));
  assert.ok((await carts.press()) > 10_000);
  assert.deepEqual(await ids(carts), versions);
});

test("redis_down_refuses_writes_and_serves_the_row", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const carts = makeCarts(t, server.url);
  carts.db.exec("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')");
  await carts.cache.ping();
  await server.kill();
  await assert.rejects(carts.save("1", { pen: 2 }));
  assert.deepEqual(await carts.get("1"), { pen: 1 });
  assert.equal(await carts.get("2"), null);
  assert.equal(carts.cacheErrors, 2);
});

test("a_cart_id_is_only_a_value", async (t) => {
  const carts = makeCarts(t, await flushed());
  const hostile = ["1 OR 1=1", "1' OR '1'='1", "*", "cart:1", "1; DROP TABLE carts", "ключ\n", "{1}", "x".repeat(10_000)];
  for (const id of hostile) {
    assert.equal(await carts.get(id), null);
    await carts.save(id, { note: '"}; --' });
    assert.deepEqual(await carts.get(id), { note: '"}; --' });
  }
  assert.equal((await keys(carts.cache)).length, 1 + hostile.length);
});
