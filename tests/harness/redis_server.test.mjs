/** Nobody loses data to a test in JavaScript: a Redis that we did not start is emptied only where it was empty. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";

import { flushed, flushedShards, startServer } from "../../harness/redis_server.mjs";

/** A server of this test's own, and a client for a database of it. */
async function own(t, db) {
  const server = await startServer();
  const client = new Redis(server.url, { db });
  t.after(() => client.disconnect());
  t.after(() => server.stop());
  return [server.url, client];
}

test("redis_with_keys_in_another_database_is_not_flushed", async (t) => {
  const [url, client] = await own(t, 3);
  await client.set("precious", "1");
  for (const named of [url, `${url}/1`, `${url}/3`])
    await assert.rejects(flushed(named), /holds keys \(db3:keys=1\); the tests flush it, so they refuse/);
  assert.equal(await client.get("precious"), "1");
});

test("only_the_database_that_the_tests_use_is_flushed", async (t) => {
  const [url, other] = await own(t, 3);
  const ours = new Redis(await flushed(url));
  t.after(() => ours.disconnect());
  await Promise.all([ours.set("ours", "1"), other.set("late", "1")]);
  await flushed(url);
  assert.equal(await ours.exists("ours"), 0);
  assert.equal(await other.get("late"), "1");
});

test("cluster_with_keys_is_not_flushed", async (t) => {
  const [shard] = await flushedShards(t, process.env.REDIS_CLUSTER_URL);
  assert.equal(await shard.dbsize(), 0);
  // The same cluster as another process finds it, with a key of somebody else's.
  const { flushedShards: another } = await import("../../harness/redis_server.mjs?another");
  const client = new Redis.Cluster([process.env.REDIS_CLUSTER_URL]);
  t.after(() => client.disconnect());
  await client.set("precious", "1");
  await assert.rejects(another(t, process.env.REDIS_CLUSTER_URL), /holds keys \(db0:keys=1\)/);
  assert.equal(await client.get("precious"), "1");
});

test("no_redis_is_flushed_that_nobody_has_named", async () => {
  await assert.rejects(flushed(""), /Set REDIS_URL/);
});
