/** A cluster of two shards, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Redis } from "ioredis";

import { connect, Users } from "../../../snippets/patterns/cache-aside-races/cluster.mjs";
import { flushedShards, startCluster } from "../../../harness/redis_server.mjs";

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

/** Users on a cluster of their own, one of whom is cached, and a client of its node. */
async function ownUsers(t) {
  const server = await startCluster();
  t.after(() => server.stop());
  const users = await makeUsers(t, server.url);
  const node = new Redis(server.url).on("error", () => {}); // it is killed
  t.after(() => node.disconnect());
  await users.get("1");
  return { server, users, node };
}

// By default a cluster serves all slots or none.
test("clusterdown_is_counted_as_an_outage", async (t) => {
  const { users, node } = await ownUsers(t);
  await node.cluster("DELSLOTS", 0);
  while ((await node.cluster("INFO")).includes("cluster_state:ok")) await setTimeout(20);
  await assert.rejects(node.get("cache:user:1"), /^ReplyError: CLUSTERDOWN/);
  assert.equal((await users.get("1")).name, "Ada");
  assert.deepEqual([users.stats["database reads"], users.stats["cache errors"]], [2, 2]);
});

test("cluster_that_cannot_be_reached_costs_the_cache_only", { timeout: 30_000 }, async (t) => {
  for (const signal of ["SIGSTOP", "SIGKILL"]) {
    const { server, users } = await ownUsers(t);
    process.kill(server.pid, signal);
    const started = performance.now();
    assert.equal((await users.get("1")).name, "Ada");
    assert.ok(performance.now() - started < 3000); // GET and SET: 0.5 s each
    assert.deepEqual([users.stats["database reads"], users.stats["cache errors"]], [2, 2]);
  }
});

test("cluster_that_is_down_at_start_costs_the_cache_only", { timeout: 10_000 }, async (t) => {
  const users = await makeUsers(t, "redis://127.0.0.1:1");
  assert.equal((await users.get("1")).name, "Ada");
  assert.deepEqual([users.stats["database reads"], users.stats["cache errors"]], [1, 2]);
});

// ioredis calls a cluster ready once it serves all slots, so it says neither "ready" nor "error" meanwhile.
test("cluster_that_serves_no_slots_at_start_costs_the_cache_only", { timeout: 20_000 }, async (t) => {
  const { node } = await ownUsers(t);
  await node.cluster("DELSLOTS", 0);
  while ((await node.cluster("INFO")).includes("cluster_state:ok")) await setTimeout(20);
  const users = await makeUsers(t, `redis://127.0.0.1:${node.options.port}`);
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
