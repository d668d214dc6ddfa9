/** That the race is what the page says, in JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";

import { plain, run, schedules, versioned } from "../../../snippets/patterns/cache-aside-races/schedules.mjs";
import { flushed } from "../../../harness/redis_server.mjs";

async function stale(t, policy) {
  const cache = new Redis(await flushed());
  t.after(() => cache.disconnect());
  const found = [];
  for (const schedule of schedules()) if ((await run(policy, cache, schedule)) === "STALE") found.push(schedule);
  return found;
}

test("there_are_ten_schedules", () => {
  assert.equal(new Set(schedules()).size, 10);
  for (const schedule of schedules()) assert.equal([...schedule].sort().join(""), "RRRWW");
});

test("one_of_ten_schedules_ends_stale", async (t) => {
  assert.deepEqual(await stale(t, plain), ["RRWWR"]);
});

test("every_schedule_ends_fresh", async (t) => {
  assert.deepEqual(await stale(t, versioned), []);
});
