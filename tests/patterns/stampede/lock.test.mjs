/** What the stampede page claims of the lock, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Bestsellers, cacheKey, connect, lockKey } from "../../../snippets/patterns/stampede/lock.mjs";
import { flushed, flushedShards, startServer } from "../../../harness/redis_server.mjs";

function client(t, url) {
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return cache;
}

/** A database that counts its loads. */
function counted() {
  const load = async () => {
    load.count += 1;
    const number = load.count;
    await sleep(100);
    return [`load ${number}`];
  };
  load.count = 0;
  return load;
}

test("fifty_threads_load_once", { timeout: 20_000 }, async (t) => {
  const [url, load] = [await flushed(), counted()];
  // a client each, so that they are as far apart as processes
  const readers = Array.from({ length: 50 }, () => new Bestsellers(client(t, url), load));
  const answers = await Promise.all(readers.map((books) => books.get("scifi")));
  assert.deepEqual(answers, Array(50).fill(["load 1"]));
  assert.equal(load.count, 1);
  const [{ cache }] = readers;
  assert.equal(await cache.exists(lockKey("scifi")), 0);
  const ttl = await cache.ttl(cacheKey("scifi"));
  assert.ok(ttl >= 3239 && ttl <= 3960, `${ttl}`);
});

// The schedule in which a lock without a second look loads twice.
test("reader_that_missed_before_the_store_loads_nothing", async (t) => {
  const [url, load, other] = [await flushed(), counted(), counted()];
  const [cache, real] = [client(t, url), client(t, url)];
  cache.set = async (key, ...rest) => {
    if (key === lockKey("scifi")) {
      delete cache.set;
      await new Bestsellers(real, other).get("scifi"); // loads, stores and releases
    }
    return real.set(key, ...rest);
  };
  assert.deepEqual(await new Bestsellers(cache, load).get("scifi"), ["load 1"]);
  assert.deepEqual([other.count, load.count], [1, 0]);
  assert.equal(await real.exists(lockKey("scifi")), 0);
});

test("killed_holder_delays_the_next_load_by_at_most_the_lock_ttl", { timeout: 20_000 }, async (t) => {
  const [cache, load] = [client(t, await flushed()), counted()];
  // killed: it never stores, never extends its lock, and never releases it
  const killed = client(t, await flushed());
  new Bestsellers(killed, () => new Promise(() => {}), { wait: 1 }).get("scifi"); // not as shipped: it is dead, and shall not go on
  while (!await cache.exists(lockKey("scifi"))) await sleep(5);
  killed.disconnect();
  const started = performance.now();
  assert.deepEqual(await new Bestsellers(cache, load).get("scifi"), ["load 1"]);
  assert.ok(performance.now() - started < 5000 + 5000); // one poll later, on a busy machine
  assert.equal(load.count, 1);
});

test("all_who_wait_for_a_killed_holder_load_once", async (t) => {
  const [cache, load] = [client(t, await flushed()), counted()];
  await cache.set(lockKey("scifi"), "a killed holder", "PX", 300);
  const books = new Bestsellers(cache, load);
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  assert.deepEqual(answers, Array(50).fill(["load 1"]));
  assert.equal(load.count, 1);
});

test("late_holder_does_not_release_anothers_lock", async (t) => {
  const cache = client(t, await flushed());
  const slowLoad = async () => {
    await cache.del(lockKey("scifi")); // its time is up
    assert.equal(await cache.set(lockKey("scifi"), "another's token", "PX", 60_000, "NX"), "OK");
    return ["Dune"];
  };
  assert.deepEqual(await new Bestsellers(cache, slowLoad).get("scifi"), ["Dune"]);
  assert.equal(await cache.get(lockKey("scifi")), "another's token");
});

test("late_holder_does_not_overwrite_what_another_stored", async (t) => {
  const cache = client(t, await flushed());
  const slowLoad = async () => {
    await cache.del(lockKey("scifi")); // its time is up, and another loads
    await new Bestsellers(cache, () => ["newer"]).get("scifi");
    return ["older"];
  };
  assert.deepEqual(await new Bestsellers(cache, slowLoad).get("scifi"), ["older"]);
  assert.deepEqual(await new Bestsellers(cache, counted()).get("scifi"), ["newer"]);
});

test("overtaken_holder_leaves_the_old_value_until_its_ttl", async (t) => {
  const cache = client(t, await flushed());
  const overtakenLoad = async () => {
    await cache.del(cacheKey("scifi")); // a writer has committed since our SELECT
    return ["old"];
  };
  await new Bestsellers(cache, overtakenLoad).get("scifi");
  assert.deepEqual(await new Bestsellers(cache, counted()).get("scifi"), ["old"]);
  const ttl = await cache.ttl(cacheKey("scifi"));
  assert.ok(ttl >= 3239 && ttl <= 3960, `${ttl}`);
});

test("stuck_lock_is_waited_for_only_so_long", { timeout: 10_000 }, async (t) => {
  const cache = client(t, await flushed());
  await cache.set(lockKey("scifi"), "stuck");
  assert.deepEqual(await new Bestsellers(cache, counted(), { wait: 300 }).get("scifi"), ["load 1"]); // not as shipped: half a minute
  assert.equal(await cache.get(lockKey("scifi")), "stuck");
});

test("lock_fails_open_when_redis_is_down", { timeout: 30_000 }, async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const books = new Bestsellers(client(t, server.url), counted());
  await books.cache.ping();
  await server.kill();
  assert.deepEqual(await books.get("scifi"), ["load 1"]);
  assert.equal(books.stats["cache errors"], 3); // the look, the SET, the release
});

test("failed_load_raises_and_releases_the_lock", async (t) => {
  const cache = client(t, await flushed());
  const fail = () => { throw new Error("the database is down"); };
  await assert.rejects(new Bestsellers(cache, fail).get("scifi"), /the database is down/);
  assert.equal(await cache.exists(lockKey("scifi"), cacheKey("scifi")), 0);
  assert.deepEqual(await new Bestsellers(cache, counted()).get("scifi"), ["load 1"]);
});

test("empty_category_is_cached_too", async (t) => {
  let loads = 0;
  const books = new Bestsellers(client(t, await flushed()), () => {
    loads += 1;
    return [];
  });
  for (const category of ["*", "' OR '1'='1", "ключ\n", "x".repeat(10_000)]) {
    assert.deepEqual(await books.get(category), []);
    assert.deepEqual(await books.get(category), []);
  }
  assert.equal(loads, 4);
});

test("three_hundred_callers_load_once", { timeout: 30_000 }, async (t) => {
  const [cache, load] = [client(t, await flushed()), counted()];
  const books = new Bestsellers(cache, load);
  const answers = await Promise.all(Array.from({ length: 300 }, () => books.get("scifi")));
  assert.deepEqual(answers, Array(300).fill(["load 1"]));
  assert.equal(load.count, 1);
  assert.equal(books.stats["cache errors"], 0);
});

test("load_of_twice_the_locks_ttl_is_still_one", { timeout: 60_000 }, async (t) => {
  const cache = client(t, await flushed());
  let loads = 0;
  const books = new Bestsellers(cache, async () => {
    loads += 1;
    await sleep(2 * books.lockTtl);
    return ["Dune"];
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  assert.deepEqual(answers, Array(50).fill(["Dune"]));
  assert.equal(loads, 1);
  assert.equal(await cache.exists(lockKey("scifi")), 0);
});

/** Books on a Redis that is down, and a database whose loads wait for each other's `go`. */
async function withoutRedis(t) {
  const server = await startServer();
  t.after(server.stop);
  const crowd = { now: 0, most: 0 };
  const opened = new Promise((resolve) => { crowd.go = resolve; });
  const books = new Bestsellers(client(t, server.url), async () => {
    crowd.now += 1;
    crowd.most = Math.max(crowd.most, crowd.now);
    await opened;
    crowd.now -= 1;
    return ["Dune"];
  });
  await books.cache.ping();
  await server.kill();
  return [books, crowd];
}

test("ten_load_at_once_where_there_is_no_lock", { timeout: 30_000 }, async (t) => {
  const [books, crowd] = await withoutRedis(t);
  const answers = Array.from({ length: 50 }, () => books.get("scifi"));
  while (crowd.now < 10) await sleep(5);
  crowd.go();
  assert.deepEqual(await Promise.all(answers), Array(50).fill(["Dune"]));
  assert.equal(crowd.most, 10);
});

test("who_finds_no_room_to_load_is_told_so", { timeout: 30_000 }, async (t) => {
  const [books, crowd] = await withoutRedis(t);
  const answers = Promise.allSettled(Array.from({ length: 11 }, () => books.get("scifi")));
  while (books.stats.busy === 0) await sleep(20);
  crowd.go();
  const refused = (await answers).filter((one) => one.status === "rejected").map((one) => one.reason.message);
  assert.deepEqual(refused, ["busy: as many loads as may be are under way"]);
  assert.equal(crowd.most, 10);
});

test("refused_lock_is_no_lock_and_loads", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const books = new Bestsellers(client(t, server.url), counted());
  await books.cache.config("SET", "maxmemory", 1);
  assert.deepEqual(await books.get("scifi"), ["load 1"]);
  assert.equal(books.stats["refused writes"], 2); // the lock, and the SET
});

test("moved_is_an_error_of_the_lock_not_a_load", async (t) => {
  await flushedShards(t, process.env.REDIS_CLUSTER_URL);
  const load = counted();
  const books = new Bestsellers(client(t, process.env.REDIS_CLUSTER_URL), load);
  const found = await Promise.allSettled(Array.from({ length: 20 }, (_, number) => books.get(`${number}`)));
  const moved = found.filter((one) => one.reason?.message.startsWith("MOVED")).length;
  assert.deepEqual([moved + load.count, books.stats["cache errors"]], [20, 0]);
  assert.ok(moved > 5, `${moved}`);
});

const CORRUPT = [
  Buffer.from([0xff, 0xfe]), "", "not json", "null", "5", "NaN", "[NaN]", "[1]", '["Dune", null]', '{"value": []}',
  "[".repeat(100_000),
];

test("corrupt_value_under_the_lock_is_a_counted_miss", { timeout: 20_000 }, async (t) => {
  const [cache, load] = [client(t, await flushed()), counted()];
  const books = new Bestsellers(cache, load);
  for (const [before, corrupt] of CORRUPT.entries()) {
    await cache.set(cacheKey("scifi"), corrupt);
    assert.deepEqual(await books.get("scifi"), [`load ${before + 1}`]);
    assert.equal(await cache.get(cacheKey("scifi")), `["load ${before + 1}"]`); // so in each language
    assert.equal(books.stats["corrupt values"], before + 1);
  }
});

test("what_no_reader_could_read_is_returned_and_not_stored", async (t) => {
  const cache = client(t, await flushed());
  for (const titles of [[NaN], [new Date()], [1n]]) {
    const books = new Bestsellers(cache, () => titles);
    assert.equal(await books.get("scifi"), titles);
    assert.equal(await cache.exists(cacheKey("scifi"), lockKey("scifi")), 0);
    assert.equal(books.stats.mistakes, 1);
  }
});
