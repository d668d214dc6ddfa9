/** What the write-behind page claims of the accepting side, in JavaScript. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { Carts, connect, LIMIT, QueueFullError } from "../../../snippets/patterns/write-behind/write_behind.mjs";
import { connect as connectWorker, sortable, TABLE, Writer } from "../../../snippets/patterns/write-behind/worker.mjs";
import { flushed, keys, startServer } from "../../../harness/redis_server.mjs";

const [STREAM, WAITING, GROUP] = ["stream:carts", "stream:carts:waiting", "writers"];

/** Save a cart by a request of its own. */
const accept = (carts, id, cart) => carts.save(id, cart, randomUUID());

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
  const version = await accept(carts, "1", { pen: 1 });
  assert.deepEqual(await carts.get("1"), { pen: 1 });
  assert.equal(carts.db.prepare("SELECT count(*) AS n FROM carts").get().n, 0);
  assert.deepEqual(await ids(carts), [version]);
  assert.deepEqual(await carts.cache.hgetall("cart:1"), { version, data: '{"pen":1}' });
});

test("versions_of_a_cart_only_rise", async (t) => {
  const carts = makeCarts(t, await flushed());
  const versions = [];
  for (let i = 0; i < 50; i += 1) versions.push(await accept(carts, "1", { pen: i }));
  await carts.cache.del("cart:1"); // as its expiry does
  versions.push(await accept(carts, "1", { pen: 51 }));
  versions.push(`${Number(versions.at(-1).split("-")[0]) + 3_600_000}-0`);
  await carts.cache.call("XSETID", STREAM, versions.at(-1)); // its clock is set back an hour
  versions.push(await accept(carts, "1", { pen: 52 }));
  const found = versions.map(sortable);
  assert.deepEqual([...new Set(found)].sort(), found);
});

test("an_unflushed_value_has_no_ttl", async (t) => {
  const carts = makeCarts(t, await flushed());
  await accept(carts, "1", { pen: 1 });
  await carts.cache.expire("cart:1", 3600); // as the worker does when it is in the database
  await accept(carts, "1", { pen: 2 });
  assert.equal(await carts.cache.ttl("cart:1"), -1);
});

test("full_queue_pushes_back", async (t) => {
  const carts = makeCarts(t, await flushed(), 2);
  await accept(carts, "1", { pen: 1 });
  const version = await accept(carts, "1", { pen: 2 });
  await assert.rejects(accept(carts, "1", { pen: 3 }), QueueFullError);
  assert.equal(await carts.cache.xlen(STREAM), 2);
  assert.deepEqual(await carts.cache.hgetall("cart:1"), { version, data: '{"pen":2}' });
  await carts.cache.xdel(STREAM, version); // the worker has caught up
  await accept(carts, "1", { pen: 3 });
});

test("depth_tells_what_waits_and_what_is_pending", async (t) => {
  const carts = makeCarts(t, await flushed());
  await carts.cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  for (let i = 0; i < 5; i += 1) await accept(carts, `${i}`, { pen: 1 });
  await carts.cache.xreadgroup("GROUP", GROUP, "worker", "COUNT", 2, "STREAMS", STREAM, ">");
  assert.deepEqual(await carts.depth(), {
    entries: 5, "not yet read": 3, "read, not acknowledged": 2, "lost or buried": 0,
  });
});

test("unflushed_value_survives_eviction", async (t) => {
  const carts = await pressed(t, "volatile-lru");
  await accept(carts, "1", { pen: 1 });
  assert.ok((await carts.press()) > 10_000);
  assert.deepEqual(await carts.get("1"), { pen: 1 });
});

test("queue_survives_memory_pressure", async (t) => {
  const carts = await pressed(t, "volatile-lru");
  const versions = [];
  for (let i = 0; i < 100; i += 1) versions.push(await accept(carts, `${i}`, { pen: 1 }));
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
  await assert.rejects(accept(carts, "1", { pen: 2 }));
  assert.deepEqual(await carts.get("1"), { pen: 1 });
  assert.equal(await carts.get("2"), null);
  assert.equal(carts.stats["cache errors"], 3);
});

test("a_cart_id_is_only_a_value", async (t) => {
  const carts = makeCarts(t, await flushed());
  const hostile = ["1 OR 1=1", "1' OR '1'='1", "*", "cart:1", "1; DROP TABLE carts", "ключ\n", "{1}", "x".repeat(10_000)];
  for (const id of hostile) {
    assert.equal(await carts.get(id), null);
    await accept(carts, id, { note: '"}; --' });
    assert.deepEqual(await carts.get(id), { note: '"}; --' });
  }
  const held = (await keys(carts.cache)).filter((key) => !key.includes(":request:"));
  assert.equal(held.length, 2 + hostile.length); // and the stream, and what waits
});

test("nan_is_refused_when_it_is_saved", async (t) => {
  const carts = makeCarts(t, await flushed());
  for (const number of [NaN, Infinity, -Infinity])
    await assert.rejects(accept(carts, "1", { pen: { price: number } }), /is no JSON/);
  await assert.rejects(accept(carts, "1", undefined), /is no JSON/);
  assert.deepEqual(await keys(carts.cache), []); // no worker will meet it
});

test("a_repeated_save_is_no_new_write", async (t) => {
  const carts = makeCarts(t, await flushed());
  const { cache } = carts;
  carts.cache = { eval: (...args) => cache.eval(...args).then(() => { throw new Error("Command timed out"); }) };
  await assert.rejects(carts.save("1", { pen: 1 }, "of A"), /timed out/); // its reply is lost, after Redis ran it
  carts.cache = cache;
  const newer = await carts.save("1", { pen: 2 }, "of B");
  const entries = await ids(carts);
  assert.equal(await carts.save("1", { pen: 1 }, "of A"), entries[0]);
  assert.deepEqual(await carts.get("1"), { pen: 2 }); // what B was told is accepted stays
  assert.deepEqual(await ids(carts), entries);
  assert.equal(await cache.hget("cart:1", "version"), newer);
  assert.equal(await cache.ttl("cart:1:request:of A"), 600);
});

test("a_corrupt_cart_is_a_counted_miss", async (t) => {
  const carts = makeCarts(t, await flushed());
  carts.db.exec("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')");
  const corrupt = ["no JSON", Buffer.from([0xff]), "NaN", '{"pen":NaN}', "[1]", "null"];
  for (const data of corrupt) {
    await carts.cache.hset("cart:1", "data", data);
    assert.deepEqual(await carts.get("1"), { pen: 1 });
  }
  assert.equal(carts.stats["corrupt values"], corrupt.length);
});

test("depth_answers_without_a_group", async (t) => {
  const carts = makeCarts(t, await flushed());
  const depth = async () => Object.values(await carts.depth());
  assert.deepEqual(await depth(), [0, 0, 0, 0]); // as after a flush
  await accept(carts, "1", { pen: 1 });
  assert.deepEqual(await depth(), [1, 1, 0, 0]); // a worker will make the group, and begin with this entry
  await carts.cache.xgroup("CREATE", STREAM, "of another program", "0");
  assert.deepEqual(await depth(), [1, 1, 0, 0]);
  await carts.cache.xgroup("CREATE", STREAM, GROUP, "0");
  await carts.cache.xreadgroup("GROUP", GROUP, "worker", "STREAMS", STREAM, ">");
  assert.deepEqual(await depth(), [1, 0, 1, 0]);
});

test("what_a_trimmed_stream_has_lost_is_counted", async (t) => {
  const carts = makeCarts(t, await flushed());
  const lost = async () => (await carts.depth())["lost or buried"];
  for (let i = 0; i < 10; i += 1) await accept(carts, `${i}`, { pen: 1 });
  await carts.cache.xtrim(STREAM, "MAXLEN", 4);
  assert.equal(await lost(), 6);
  const db = new DatabaseSync(":memory:");
  db.exec(TABLE);
  const cache = connectWorker(process.env.REDIS_URL);
  t.after(() => cache.disconnect());
  await new Writer(cache, db, 0).run(true);
  assert.equal(db.prepare("SELECT count(*) AS n FROM carts").get().n, 4);
  assert.equal(await lost(), 6); // also when nothing waits any more
  assert.deepEqual((await carts.cache.hkeys(WAITING)).sort(), [..."012345"]); // which ones
  await accept(carts, "0", { pen: 2 });
  assert.equal(await lost(), 5); // only the last value counts
});
