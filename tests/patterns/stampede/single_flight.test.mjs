/** What the page claims of single flight in one process, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Bestsellers, cacheKey, connect } from "../../../snippets/patterns/stampede/single_flight.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

function makeBooks(t, url, load) {
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Bestsellers(cache, load);
}

/** A load that waits until as many run as are expected. */
function together(count, answer) {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  const load = async (category) => {
    load.count += 1;
    if (load.count === count) open();
    await opened;
    return answer(category);
  };
  load.count = 0;
  load.open = open;
  return load;
}

test("fifty_callers_in_one_process_load_once", { timeout: 20_000 }, async (t) => {
  const load = together(1, () => ["Dune"]);
  const books = makeBooks(t, await flushed(), load);
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  assert.deepEqual(answers, Array(50).fill(["Dune"]));
  assert.equal(load.count, 1);
  assert.equal(books.flights.flights.size, 0);
  assert.deepEqual(await books.get("scifi"), ["Dune"]);
  assert.equal(load.count, 1);
});

test("failed_load_reaches_all_who_wait_and_is_forgotten", async (t) => {
  let loads = 0;
  const books = makeBooks(t, await flushed(), () => {
    loads += 1;
    if (loads === 1) throw new Error("the database is down");
    return ["Dune"];
  });
  const callers = await Promise.allSettled(Array.from({ length: 10 }, () => books.get("scifi")));
  assert.deepEqual(callers.map((one) => one.reason?.message), Array(10).fill("the database is down"));
  assert.equal(loads, 1);
  assert.deepEqual(await books.get("scifi"), ["Dune"]);
});

test("fifty_callers_in_one_process_send_one_get", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const books = makeBooks(t, server.url, () => ["Dune"]);
  await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  const stats = await books.cache.info("commandstats");
  assert.match(stats, /cmdstat_get:calls=1,/);
  assert.match(stats, /cmdstat_set:calls=1,/);
});

test("two_processes_with_single_flight_load_twice", { timeout: 20_000 }, async (t) => {
  const [url, load] = [await flushed(), together(2, () => ["Dune"])];
  const processes = [makeBooks(t, url, load), makeBooks(t, url, load)];
  await Promise.all(processes.map((books) => books.get("scifi")));
  assert.equal(load.count, 2);
});

test("callers_of_different_keys_do_not_wait_for_each_other", { timeout: 20_000 }, async (t) => {
  const books = makeBooks(t, await flushed(), together(2, (category) => [category]));
  const hostile = ["*", `ключ\n${"x".repeat(10_000)}`];
  const answers = await Promise.all(hostile.map((category) => books.get(category)));
  assert.deepEqual(answers, hostile.map((category) => [category]));
});

test("single_flight_works_without_redis", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const books = makeBooks(t, server.url, () => ["Dune"]);
  await books.cache.ping();
  await server.kill();
  assert.deepEqual(await books.get("scifi"), ["Dune"]);
  assert.equal(books.stats["cache errors"], 2);
});

test("read_after_a_commit_joins_no_flight_from_before_it", { timeout: 20_000 }, async (t) => {
  let [row, go, began] = ["old"];
  const [gone, beginning] = [new Promise((resolve) => { go = resolve; }), new Promise((resolve) => { began = resolve; })];
  const books = makeBooks(t, await flushed(), async () => {
    const found = [row];
    if (row === "new") return found;
    began();
    await gone;
    return found;
  });
  const reader = books.get("scifi");
  await beginning;
  row = "new"; // the writer commits,
  await books.changed("scifi"); // says so,
  assert.deepEqual(await books.get("scifi"), ["new"]); // and reads
  go();
  assert.deepEqual(await reader, ["old"]);
  assert.deepEqual(await books.get("scifi"), ["new"]); // what the old flight had loaded was not stored
});

test("load_that_ends_during_the_delete_is_not_stored", { timeout: 20_000 }, async (t) => {
  let [go, began] = [];
  const [gone, beginning] = [new Promise((resolve) => { go = resolve; }), new Promise((resolve) => { began = resolve; })];
  const books = makeBooks(t, await flushed(), async () => {
    began();
    await gone;
    return ["old"];
  });
  const reader = books.get("scifi");
  await beginning;
  const { mock } = t.mock.method(books.cache, "del", async (key) => {
    mock.restore();
    await books.cache.del(key);
    go();
    assert.deepEqual(await reader, ["old"]);
  });
  await books.changed("scifi");
  assert.equal(await books.cache.exists(cacheKey("scifi")), 0);
});

test("each_caller_of_a_flight_gets_a_list_of_its_own", async (t) => {
  const books = makeBooks(t, await flushed(), () => ["Dune"]);
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => books.get("scifi")));
  first.length = 0;
  assert.deepEqual(others, Array(9).fill(["Dune"]));
});

test("corrupt_value_in_a_flight_is_a_counted_miss", async (t) => {
  const books = makeBooks(t, await flushed(), () => ["Dune"]);
  const corrupts = [Buffer.from([0xff, 0xfe]), "", "not json", "NaN", "[1]", '{"value": []}', "[".repeat(100_000)];
  for (const [before, corrupt] of corrupts.entries()) {
    await books.cache.set(cacheKey("scifi"), corrupt);
    assert.deepEqual(await books.get("scifi"), ["Dune"]);
    assert.equal(await books.cache.get(cacheKey("scifi")), '["Dune"]');
    assert.equal(books.stats["corrupt values"], before + 1);
  }
});

test("what_a_flight_cannot_store_it_returns", async (t) => {
  for (const titles of [[NaN], [new Date(0)], [1n]]) {
    const books = makeBooks(t, await flushed(), () => titles);
    assert.deepEqual(await books.get("scifi"), titles);
    assert.equal(await books.cache.exists(cacheKey("scifi")), 0);
    assert.equal(books.stats.mistakes, 1);
  }
});
