/** What the page claims of stale-while-revalidate, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Bestsellers, cacheKey, connect, FRESH, LOCK_TTL, lockKey, TTL,
} from "../../../snippets/patterns/stampede/stale_while_revalidate.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

/** A promise and the function that keeps it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

/** Bestsellers of which one category is stored, and a database of versions that can be held up and broken. */
async function makeBooks(t, url) {
  const db = { loads: 0, broken: false, go: Promise.resolve(), loading: gate(), clock: 1000 };
  const load = async (category) => {
    db.loads += 1;
    const version = db.loads;
    db.loading.open();
    await db.go;
    if (db.broken) throw new Error("the database is down");
    return [`${category} ${version}`];
  };
  const cache = connect(url);
  t.after(() => cache.disconnect());
  const books = new Bestsellers(cache, load, () => db.clock);
  assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
  db.loading = gate();
  return [books, db];
}

test("fresh_value_is_served_without_a_refresh", async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  db.clock += FRESH - 1;
  assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
  assert.equal(books.refreshing, null);
  assert.equal(db.loads, 1);
  const ttl = await books.cache.ttl(cacheKey("scifi"));
  assert.ok(ttl > TTL - 10 && ttl <= TTL, `${ttl}`);
});

test("fifty_readers_of_a_stale_value_wait_for_nothing_and_load_once", { timeout: 20_000 }, async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  const { open, opened } = gate();
  db.go = opened; // the load is under way as long as they read
  db.clock += FRESH;
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  assert.deepEqual(answers, Array(50).fill(["scifi 1"]));
  open();
  await books.refreshing;
  assert.deepEqual(await books.get("scifi"), ["scifi 2"]);
  assert.equal(db.loads, 2);
  assert.equal(await books.cache.exists(lockKey("scifi")), 0);
});

test("failed_revalidation_keeps_the_stale_value", async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  db.clock += FRESH;
  db.broken = true;
  for (let read = 0; read < 20; read += 1) {
    assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
    await books.refreshing;
  }
  assert.equal(db.loads, 2); // the lock stays, and delays the next try
  assert.equal(books.stats["failed refreshes"], 1);
  const ttl = await books.cache.ttl(lockKey("scifi"));
  assert.ok(ttl > 0 && ttl <= LOCK_TTL, `${ttl}`);
});

test("delete_during_a_revalidation_is_not_undone", { timeout: 20_000 }, async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  const { open, opened } = gate();
  db.go = opened;
  db.clock += FRESH;
  await books.get("scifi");
  await db.loading.opened;
  await books.cache.del(cacheKey("scifi")); // a writer has changed the rows
  open();
  await books.refreshing;
  assert.equal(await books.cache.exists(cacheKey("scifi")), 0);
});

test("reader_that_is_late_for_a_revalidation_does_not_repeat_it", async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  db.clock += FRESH;
  const { mock } = t.mock.method(books, "startRefresh", async (category) => {
    mock.restore();
    await books.get(category);
    await books.refreshing;
    await books.startRefresh(category);
  });
  assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
  await books.refreshing;
  assert.equal(db.loads, 2);
  assert.equal(await books.cache.exists(lockKey("scifi")), 0);
});

test("redis_down_loads_instead_of_serving_stale", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const [books] = await makeBooks(t, server.url);
  await server.kill();
  assert.deepEqual(await books.get("scifi"), ["scifi 2"]);
  assert.equal(books.stats["cache errors"], 2);
});

test("hostile_categories_stay_apart", async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  for (const category of ["*", "' OR '1'='1", "ключ\n", "x".repeat(10_000)])
    assert.deepEqual(await books.get(category), await books.get(category));
  assert.equal(db.loads, 5);
});

test("old_value_is_served_for_six_minutes_at_most", async (t) => {
  const [books, db] = await makeBooks(t, await flushed());
  const ttl = await books.cache.ttl(cacheKey("scifi"));
  assert.ok(ttl > 350 && ttl <= 360, `${ttl}`);
  db.clock -= 3600; // set back: it now says fresh for an hour
  await books.cache.expire(cacheKey("scifi"), 100);
  assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
  assert.ok(await books.cache.ttl(cacheKey("scifi")) <= 100);
  await books.cache.del(cacheKey("scifi")); // its time is up
  assert.deepEqual(await books.get("scifi"), ["scifi 2"]);
});

const CORRUPT = [
  Buffer.from([0xff, 0xfe]), "", "not json", "null", "5", "NaN", '["Dune"]', '{"value":["Dune"]}', "[".repeat(100_000),
  '{"value":["Dune"],"fresh_until":NaN}', '{"value":["Dune"],"fresh_until":null}', '{"value":[1],"fresh_until":5}',
];

test("corrupt_entry_is_a_counted_miss", async (t) => {
  const [books] = await makeBooks(t, await flushed());
  for (const [before, corrupt] of CORRUPT.entries()) {
    await books.cache.set(cacheKey("scifi"), corrupt);
    assert.deepEqual(await books.get("scifi"), [`scifi ${before + 2}`]);
    const stored = `{"value":["scifi ${before + 2}"],"fresh_until":1060}`; // so in each language
    assert.equal(await books.cache.get(cacheKey("scifi")), stored);
    assert.equal(books.stats["corrupt values"], before + 1);
  }
});

test("refused_refresh_keeps_the_stale_value", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const [books, db] = await makeBooks(t, server.url);
  db.clock += FRESH;
  await books.cache.config("SET", "maxmemory", 1);
  assert.deepEqual(await books.get("scifi"), ["scifi 1"]);
  assert.deepEqual([db.loads, books.stats["refused writes"], books.refreshing], [1, 1, null]);
});

test("what_cannot_be_an_entry_is_returned_and_not_stored", async (t) => {
  const [books] = await makeBooks(t, await flushed());
  for (const [before, titles] of [[NaN], [new Date()], [1n]].entries()) {
    books.load = () => titles;
    assert.equal(await books.get("new"), titles);
    assert.equal(await books.cache.exists(cacheKey("new")), 0);
    assert.equal(books.stats.mistakes, before + 1);
  }
});
