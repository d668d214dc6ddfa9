/** What the cache-aside page claims, in JavaScript. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { connect, userKey, Users } from "../../../snippets/patterns/cache-aside/cache_aside.mjs";
import { connect as connectToAzure } from "../../../snippets/performance/connections/azure.mjs";
import { flushed, flushedShards, keys, startServer } from "../../../harness/redis_server.mjs";

/** Users over two rows and the Redis at this URL; the client is closed when the test ends. */
function makeUsers(t, url) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT)");
  db.exec("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'secret')");
  db.exec("INSERT INTO users VALUES ('2', 'Grace', 'grace@example.com', 'secret')");
  const cache = connect(url);
  t.after(() => cache.disconnect());
  return new Users(cache, db);
}

/** What has been counted at all. */
const counted = ({ stats }) => Object.fromEntries(Object.entries(stats).filter(([, count]) => count));

/** A server of this test's own, to kill, freeze or reconfigure. */
async function ownServer(t) {
  const server = await startServer();
  t.after(server.stop);
  return server;
}

test("second_read_does_not_hit_db", async (t) => {
  const users = makeUsers(t, await flushed());
  const first = await users.get("1");
  assert.equal(first.name, "Ada");
  assert.deepEqual(await users.get("1"), first);
  assert.equal(users.stats["database reads"], 1);
});

test("hostile_id_returns_nothing", async (t) => {
  const users = makeUsers(t, await flushed());
  const hostile = [
    "1 OR 1=1", "1' OR '1'='1", "*", "1; DROP TABLE users", "ключ\n", "x".repeat(10_000),
  ];
  for (const id of hostile) assert.equal(await users.get(id), null);
  assert.equal((await users.get("1")).name, "Ada");
});

test("missing_row_cached_briefly_then_insert_visible", async (t) => {
  const users = makeUsers(t, await flushed());
  assert.equal(await users.get("3"), null);
  assert.equal(await users.get("3"), null);
  assert.equal(users.stats["database reads"], 1);
  const ttl = await users.cache.ttl(userKey("3"));
  assert.ok(ttl > 0 && ttl <= 66, `${ttl}`);

  await users.save({ id: "3", name: "Edsger", email: "edsger@example.com" });
  assert.equal((await users.get("3")).name, "Edsger");
});

test("redis_down_still_serves_from_db", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  assert.equal((await users.get("1")).name, "Ada");

  await server.kill();
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.equal((await users.get("1")).name, "Ada Lovelace");
  assert.equal(users.stats["database reads"], 3);
  assert.equal(users.stats["cache errors"], 5); // two reads of GET and SET, one DEL
});

test("redis_frozen_costs_only_its_timeouts", { timeout: 10_000 }, async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  await users.cache.ping();
  process.kill(server.pid, "SIGSTOP");
  const started = performance.now();
  assert.equal((await users.get("1")).name, "Ada");
  assert.ok(performance.now() - started < 3000); // GET and SET, 500 ms each
  assert.equal(users.stats["cache errors"], 2);
});

test("overtaken_reader_leaves_the_old_value_until_its_ttl", async (t) => {
  const users = makeUsers(t, await flushed());
  users.load = async (id) => {
    const user = Users.prototype.load.call(users, id);
    await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" }); // before our SET
    return user;
  };
  await users.get("1");
  delete users.load;
  assert.equal((await users.get("1")).name, "Ada");
  const ttl = await users.cache.ttl(userKey("1"));
  assert.ok(ttl > 0 && ttl <= 3960, `${ttl}`);
});

test("write_then_read_sees_the_new_value", async (t) => {
  const users = makeUsers(t, await flushed());
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.equal((await users.get("1")).name, "Ada Lovelace");
  const row = users.db.prepare("SELECT name FROM users WHERE id = '1'").get();
  assert.equal(row.name, "Ada Lovelace");
});

test("ttl_is_an_hour_give_or_take_ten_percent", async (t) => {
  const users = makeUsers(t, await flushed());
  const ttls = new Set();
  for (let round = 0; round < 50; round += 1) {
    await users.get("1");
    ttls.add(await users.cache.ttl(userKey("1")));
    await users.cache.del(userKey("1"));
  }
  assert.ok(Math.min(...ttls) >= 3239 && Math.max(...ttls) <= 3960, `${[...ttls]}`);
  assert.ok(ttls.size > 10, "spread, not one value");
});

test("secrets_stay_out_of_the_cache", async (t) => {
  const users = makeUsers(t, await flushed());
  await users.get("1");
  const cached = await users.cache.get(userKey("1"));
  assert.equal(cached, '{"id":"1","name":"Ada","email":"ada@example.com"}');
});

test("only_its_own_key_is_touched", async (t) => {
  const users = makeUsers(t, await flushed());
  await users.cache.set("cache:user:10", "a neighbour");
  await users.get("1");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  await users.get("1");
  assert.deepEqual((await keys(users.cache)).sort(), ["cache:user:1", "cache:user:10"]);
  assert.equal(await users.cache.get("cache:user:10"), "a neighbour");
});

// A wrong type or a wrong password is a bug to mend; counting it as an outage would hide it.
test("other_redis_errors_surface", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  await users.cache.lpush(userKey("1"), "not a string");
  await assert.rejects(users.get("1"), { name: "ReplyError", message: /^WRONGTYPE/ });
  await users.cache.config("SET", "requirepass", "changed");
  users.cache.disconnect(true); // and connect again, now without the password it needs
  await assert.rejects(users.get("1"), { name: "ReplyError", message: /^NOAUTH/ });
  await assert.rejects(users.tryCache(() => users.cache.noSuchCommand()), TypeError);
  assert.equal(users.stats["cache errors"], 0);
});

const CORRUPT = [
  Buffer.from([0xff, 0xfe]), "", "{", "null", "5", '"Ada"', '["1", "Ada", "ada@example.com"]', "[".repeat(100_000),
  '{"id": "1", "name": "Ada"}', '{"id": "1", "name": "Ada", "email": null}', '{"id": "1", "name": 5, "email": "a"}',
  '{"id": "1", "name": "Ada", "email": "a", "password_hash": "secret"}',
];

test("corrupt_value_is_a_counted_miss", async (t) => {
  const users = makeUsers(t, await flushed());
  for (const [before, corrupt] of CORRUPT.entries()) {
    await users.cache.set(userKey("1"), corrupt);
    assert.equal((await users.get("1")).name, "Ada");
    assert.equal(users.stats["corrupt values"], before + 1);
    assert.equal(users.stats["database reads"], before + 1);
    assert.equal(await users.cache.get(userKey("1")), '{"id":"1","name":"Ada","email":"ada@example.com"}');
    assert.ok((await users.cache.ttl(userKey("1"))) > 3000);
  }
  await users.get("1");
  assert.equal(users.stats["database reads"], CORRUPT.length);
});

test("moved_is_an_error_not_a_miss", async (t) => {
  await flushedShards(t, process.env.REDIS_CLUSTER_URL);
  const users = makeUsers(t, process.env.REDIS_CLUSTER_URL);
  let moved = 0;
  for (let number = 0; number < 20; number += 1) {
    try {
      await users.get(`${number}`);
    } catch (error) {
      assert.match(error.message, /^MOVED/);
      moved += 1;
    }
  }
  assert.equal(moved, 12); // of these keys, the ones on the other shard
  assert.equal(users.stats["cache errors"], 0);
  assert.equal(users.stats["database reads"], 8);
});

test("full_redis_fails_no_read_and_no_write", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  await users.cache.config("SET", "maxmemory", 1);
  for (let round = 0; round < 3; round += 1) assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.deepEqual(counted(users), { "database reads": 3, "refused writes": 3 }); // what deletes is not refused
});

// A folder has the name of the snapshot: from then on Redis answers each write with MISCONF.
test("failed_disk_fails_no_read_and_no_write", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  const [, dir] = await users.cache.config("GET", "dir");
  mkdirSync(join(dir, "dump.rdb"));
  await users.cache.config("SET", "save", "3600 1");
  await users.cache.bgsave();
  while (!(await users.cache.info("persistence")).includes("rdb_last_bgsave_status:err")) await setTimeout(20);
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.equal((await users.get("1")).name, "Ada Lovelace");
  assert.deepEqual(counted(users), { "database reads": 2, "refused writes": 3 });
});

// Its address may lead to the new primary by now, so the connection to the old one is dropped.
test("replica_fails_no_read_and_no_write_and_is_left", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  const before = await users.cache.client("ID");
  await users.cache.replicaof("127.0.0.1", 1);
  assert.equal((await users.get("1")).name, "Ada");
  assert.notEqual(await users.cache.client("ID"), before);
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.equal((await users.get("1")).name, "Ada Lovelace");
  assert.deepEqual(counted(users), { "database reads": 2, "cache errors": 3 });
});

// A user that may read and not write: the row is there, the commit is done, so it is logged, loudly.
test("mistake_surfaces_only_to_who_has_no_answer_yet", async (t) => {
  const server = await ownServer(t);
  const users = makeUsers(t, server.url);
  const log = t.mock.method(console, "error", () => {});
  await users.cache.call("ACL", "SETUSER", "default", "-@write");
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.deepEqual(counted(users), { "database reads": 1, mistakes: 2 });
  assert.equal(log.mock.callCount(), 2);
});

// It has no queue for commands while it is not connected, and says so in words of its own.
test("client_of_the_page_on_connections_fits", async (t) => {
  const server = await ownServer(t);
  const { cache, db } = makeUsers(t, server.url);
  cache.disconnect();
  const other = await connectToAzure(server.url, { cluster: false });
  t.after(() => other.disconnect());
  const users = new Users(other, db);
  assert.equal((await users.get("1")).name, "Ada");
  await server.kill();
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  assert.equal((await users.get("1")).name, "Ada Lovelace");
  assert.deepEqual(counted(users), { "database reads": 3, "cache errors": 5 });
});
