/** What the write-behind page claims of the dead letter, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { bury, connect, MAX_DELIVERIES } from "../../../snippets/patterns/write-behind/dead_letter.mjs";
import { flushed } from "../../../harness/redis_server.mjs";

const [STREAM, DEAD, GROUP] = ["stream:carts", "stream:carts:dead", "writers"];

/** A stream with one poison entry, delivered so many times, and held by nobody for over a minute. */
async function delivered(t, times, idle = 60_001) {
  const cache = connect(await flushed());
  t.after(() => cache.disconnect());
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  const poison = await cache.xadd(STREAM, "*", "id", "1", "data", "no JSON");
  await cache.xreadgroup("GROUP", GROUP, "worker", "STREAMS", STREAM, ">");
  await cache.xclaim(STREAM, GROUP, "worker", 0, poison, "IDLE", idle, "RETRYCOUNT", times, "JUSTID");
  return { cache, poison };
}

test("poison_entry_goes_to_the_dead_letter", async (t) => {
  const { cache, poison } = await delivered(t, MAX_DELIVERIES);
  assert.equal(await bury(cache), 1);
  const [[, fields]] = await cache.xrange(DEAD, "-", "+");
  assert.deepEqual(fields, ["entry", poison, "id", "1", "data", "no JSON"]);
  assert.equal(await cache.xlen(STREAM), 0);
  assert.equal((await cache.xpending(STREAM, GROUP))[0], 0);
  assert.equal(await bury(cache), 1); // a client that lost the reply and asks again hears of it
  await cache.del(DEAD); // somebody has looked
  assert.equal(await bury(cache), 0);
});

test("an_entry_with_deliveries_left_is_not_buried", async (t) => {
  const { cache } = await delivered(t, MAX_DELIVERIES - 1);
  assert.equal(await bury(cache), 0);
  assert.equal(await cache.xlen(STREAM), 1);
});

test("an_entry_that_a_worker_holds_is_not_buried", async (t) => {
  const { cache } = await delivered(t, MAX_DELIVERIES + 3, 0);
  assert.equal(await bury(cache), 0); // a minute has not passed
  assert.equal(await cache.xlen(STREAM), 1);
});

test("what_was_trimmed_away_is_not_pending_for_ever", async (t) => {
  const { cache } = await delivered(t, MAX_DELIVERIES);
  await cache.xtrim(STREAM, "MAXLEN", 0);
  assert.equal(await bury(cache), 0);
  assert.equal((await cache.xpending(STREAM, GROUP))[0], 0);
});

test("without_a_group_there_is_nothing_to_bury", async (t) => {
  const cache = connect(await flushed());
  t.after(() => cache.disconnect());
  assert.equal(await bury(cache), 0); // as after a flush
  await cache.xadd(STREAM, "*", "id", "1", "data", "{}");
  assert.equal(await bury(cache), 0);
  await cache.set(STREAM, "no stream");
  await assert.rejects(bury(cache), /WRONGTYPE/);
});
