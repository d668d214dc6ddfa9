/** A cluster of two shards, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { connect, Users } from "../../../snippets/patterns/cache-aside-races/cluster.mjs";
import { flushedShards } from "../../../harness/redis_server.mjs";

const IDS = Array.from({ length: 20 }, (_, number) => `${number}`);

async function makeUsers(t, url) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)");
  for (const id of IDS) db.prepare("INSERT INTO users VALUES (?, 'Ada', 'ada@example.com')").run(id);
  const cache = await connect(url);
  t.after(() => cache.disconnect());
  return new Users(cache, db);
}

test("cluster_client_reaches_both_shards", async (t) => {
  const shards = await flushedShards(t, process.env.REDIS_CLUSTER_URL);
  const users = await makeUsers(t, process.env.REDIS_CLUSTER_URL);
  for (const id of [...IDS, ...IDS])
    assert.deepEqual(await users.get(id), { id, name: "Ada", email: "ada@example.com" });
  assert.deepEqual([users.stats["database reads"], users.stats["cache errors"]], [20, 0]);
  const sizes = await Promise.all(shards.map((shard) => shard.dbsize()));
  assert.deepEqual(sizes.sort((a, b) => a - b), [8, 12]);
});

test("cluster_that_is_down_at_start_costs_the_cache_only", { timeout: 10_000 }, async (t) => {
  const users = await makeUsers(t, "redis://127.0.0.1:1");
  assert.equal((await users.get("1")).name, "Ada");
  assert.deepEqual([users.stats["database reads"], users.stats["cache errors"]], [1, 2]);
});

// Under the same key cache-aside leaves a marker, and anyone may leave anything.
test("value_of_another_file_is_read_rightly", async (t) => {
  await flushedShards(t, process.env.REDIS_CLUSTER_URL);
  const users = await makeUsers(t, process.env.REDIS_CLUSTER_URL);
  await users.cache.set("cache:user:1", "missing", "EX", 60);
  assert.equal(await users.get("1"), null);
  for (const [before, corrupt] of [Buffer.from([0xff]), "{", "NaN", "null", '{"id":"1"}'].entries()) {
    await users.cache.set("cache:user:1", corrupt, "EX", 60);
    assert.equal((await users.get("1")).name, "Ada");
    assert.equal(users.stats["corrupt values"], before + 1);
  }
});
