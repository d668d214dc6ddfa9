/** What the refresh-ahead page claims, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  cacheKey, connect, LOCK_TTL, lockKey, REFRESH_BELOW, Reports,
} from "../../../snippets/patterns/refresh-ahead/refresh_ahead.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

/** A promise and the function that keeps it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

/** Reports over the Redis at this URL, and a database of versions: a load can be held up, and made to fail. */
function makeReports(t, url) {
  const db = { loads: 0, broken: false, go: Promise.resolve(), loading: gate() };
  const load = async (id) => {
    db.loads += 1;
    const version = db.loads;
    db.loading.open();
    await db.go;
    if (db.broken) throw new Error("the database is down");
    return { month: id, cents: version };
  };
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return [new Reports(cache, load), db];
}

/** Reports of which one is stored, with most of its time gone by. */
async function nearItsEnd(t, url) {
  const [reports, db] = makeReports(t, url);
  assert.equal((await reports.get("7")).cents, 1);
  await reports.cache.expire(cacheKey("7"), REFRESH_BELOW - 1);
  db.loading = gate();
  return [reports, db];
}

test("cold_key_is_loaded", async (t) => {
  const [reports, db] = makeReports(t, await flushed());
  assert.deepEqual(await reports.get("7"), { month: "7", cents: 1 });
  assert.deepEqual(await reports.get("7"), { month: "7", cents: 1 });
  assert.equal(db.loads, 1);
  assert.equal(reports.refreshing, null);
  const ttl = await reports.cache.ttl(cacheKey("7"));
  assert.ok(ttl >= 3239 && ttl <= 3960, `${ttl}`);
});

test("fifty_readers_start_one_refresh", { timeout: 20_000 }, async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  const { open, opened } = gate();
  db.go = opened; // the refresh is under way as long as they read
  const answers = await Promise.all(Array.from({ length: 50 }, () => reports.get("7")));
  assert.deepEqual(answers.map((report) => report.cents), Array(50).fill(1)); // at once
  open();
  await reports.refreshing;
  assert.equal(db.loads, 2);
  assert.equal((await reports.get("7")).cents, 2);
  assert.ok(await reports.cache.ttl(cacheKey("7")) >= 3239);
  assert.equal(await reports.cache.exists(lockKey("7")), 0);
});

test("persistent_key_never_refreshes", async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  await reports.cache.persist(cacheKey("7"));
  for (let read = 0; read < 3; read += 1) assert.equal((await reports.get("7")).cents, 1);
  assert.equal(reports.refreshing, null);
  assert.equal(db.loads, 1);
  assert.equal(await reports.cache.ttl(cacheKey("7")), -1);
});

test("failed_refresh_keeps_the_old_value", async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  db.broken = true;
  assert.equal((await reports.get("7")).cents, 1);
  await reports.refreshing; // does not reject
  assert.equal(reports.stats["failed refreshes"], 1);
  assert.equal((await reports.get("7")).cents, 1);
  assert.equal(db.loads, 2);
});

test("failed_refresh_delays_the_next_one", async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  db.broken = true;
  for (let read = 0; read < 20; read += 1) {
    assert.equal((await reports.get("7")).cents, 1);
    await reports.refreshing;
  }
  assert.equal(db.loads, 2);
  const ttl = await reports.cache.ttl(lockKey("7"));
  assert.ok(ttl > 0 && ttl <= LOCK_TTL, `${ttl}`);

  await reports.cache.del(lockKey("7")); // as if its time were up
  db.broken = false;
  await reports.get("7");
  await reports.refreshing;
  assert.equal((await reports.get("7")).cents, 3);
});

test("redis_down_loads_reports_from_the_database", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const [reports] = await nearItsEnd(t, server.url);
  await server.kill();
  assert.equal((await reports.get("7")).cents, 2);
  assert.equal(reports.stats["cache errors"], 2); // one look, one SET
});

test("reader_that_comes_too_late_does_not_refresh_again", async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  reports.look = async (id) => {
    const seen = await Reports.prototype.look.call(reports, id);
    delete reports.look;
    await reports.get(id);
    await reports.refreshing;
    return seen;
  };
  assert.equal((await reports.get("7")).cents, 1);
  await reports.refreshing;
  assert.equal(db.loads, 2);
  assert.equal(await reports.cache.exists(lockKey("7")), 0);
});

test("delete_during_a_refresh_is_not_undone", { timeout: 20_000 }, async (t) => {
  const [reports, db] = await nearItsEnd(t, await flushed());
  const { open, opened } = gate();
  db.go = opened;
  await reports.get("7");
  await db.loading.opened;
  await reports.cache.del(cacheKey("7")); // a writer has changed the row
  open();
  await reports.refreshing;
  assert.equal(await reports.cache.exists(cacheKey("7")), 0);
});

test("value_and_ttl_are_of_one_moment", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const [reports] = makeReports(t, server.url);
  await reports.get("7");
  await reports.cache.config("RESETSTAT");
  await reports.get("7");
  const stats = await reports.cache.info("commandstats");
  for (const command of ["multi", "get", "pttl", "exec"])
    assert.match(stats, new RegExp(`cmdstat_${command}:calls=1,`));
});

test("hostile_report_ids_are_keys_like_any_other", async (t) => {
  const [reports, db] = makeReports(t, await flushed());
  for (const id of ["*", "7' OR '1'='1", "ключ\n", "x".repeat(10_000), ""]) {
    const first = await reports.get(id);
    assert.equal(first.month, id);
    assert.deepEqual(await reports.get(id), first);
  }
  assert.equal(db.loads, 5);
});

test("wrong_type_of_a_report_surfaces", async (t) => {
  const [reports] = makeReports(t, await flushed());
  await reports.cache.lpush(cacheKey("7"), "not a string");
  await assert.rejects(reports.get("7"), { name: "ReplyError", message: /^WRONGTYPE/ });
});

const CORRUPT = [
  Buffer.from([0xff, 0xfe]), "", "not json", "null", "5", "NaN", '["7", 1]', '{"month":"7"}', "[".repeat(100_000),
  '{"month":"7","cents":NaN}', '{"month":"7","cents":1.5}', '{"month":"7","cents":"1"}',
  '{"month":"7","cents":1,"by":"a newer release"}', '{"month":"7","cents":9007199254740993}',
];

test("corrupt_report_is_a_counted_miss", async (t) => {
  const [reports] = makeReports(t, await flushed());
  for (const [before, corrupt] of CORRUPT.entries()) {
    await reports.cache.set(cacheKey("7"), corrupt);
    assert.equal((await reports.get("7")).cents, before + 1);
    assert.equal(await reports.cache.get(cacheKey("7")), `{"month":"7","cents":${before + 1}}`); // so in each language
    assert.equal(reports.stats["corrupt values"], before + 1);
  }
});

test("refused_refresh_keeps_the_old_value", async (t) => {
  const server = await startServer();
  t.after(server.stop);
  const [reports, db] = await nearItsEnd(t, server.url);
  await reports.cache.config("SET", "maxmemory", 1);
  assert.equal((await reports.get("7")).cents, 1);
  assert.deepEqual([db.loads, reports.stats["refused writes"], reports.refreshing], [1, 1, null]);
});

test("report_that_no_reader_could_read_is_returned_and_not_stored", async (t) => {
  const [reports] = makeReports(t, await flushed());
  for (const [before, cents] of [NaN, 1.5, new Date(), 2 ** 53].entries()) {
    const report = { month: "7", cents };
    reports.load = () => report;
    assert.equal(await reports.get("7"), report);
    assert.equal(await reports.cache.exists(cacheKey("7")), 0);
    assert.equal(reports.stats.mistakes, before + 1);
  }
});
