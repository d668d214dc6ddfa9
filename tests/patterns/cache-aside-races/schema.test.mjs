/** Two releases with two schemas side by side, in JavaScript. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { connect, NEW, OLD, Users } from "../../../snippets/patterns/cache-aside-races/schema.mjs";
import { flushed, keys } from "../../../harness/redis_server.mjs";

const OLD_USER = { id: "1", name: "Ada", email: "ada@example.com" };
const NEW_USER = { ...OLD_USER, plan: "pro" };

async function releases(t) {
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, plan TEXT)");
  db.exec("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'pro')");
  const cache = connect(await flushed());
  t.after(() => cache.disconnect());
  return { cache, old: new Users(cache, db, OLD), next: new Users(cache, db, NEW) };
}

const reads = (...users) => users.map((each) => each.stats["database reads"]);

test("new_schema_does_not_read_old_values", async (t) => {
  const { cache, old, next } = await releases(t);
  assert.deepEqual(await old.get("1"), OLD_USER);
  assert.deepEqual(await next.get("1"), NEW_USER); // not the old value with an invented plan
  await cache.set(NEW.key("1"), await cache.get(OLD.key("1"))); // and not if it lies under the new key
  assert.deepEqual(await next.get("1"), NEW_USER);
  assert.deepEqual(reads(old, next), [1, 2]);
});

test("old_and_new_release_run_side_by_side", async (t) => {
  const { cache, old, next } = await releases(t);
  for (let round = 0; round < 2; round += 1)
    assert.deepEqual([await old.get("1"), await next.get("1")], [OLD_USER, NEW_USER]);
  assert.deepEqual(reads(old, next), [1, 1]); // neither evicts the other's value
  for (const [writer, name] of [[old, "Ada King"], [next, "Ada Lovelace"]]) {
    await writer.rename("1", name);
    assert.deepEqual([(await old.get("1")).name, (await next.get("1")).name], [name, name]);
  }
  assert.deepEqual((await keys(cache)).sort(), ["cache:user:1", "cache:v2:user:1"]);
});

test("value_of_a_newer_schema_is_a_miss", async (t) => {
  const { cache, old, next } = await releases(t);
  const newer = '{"schema":3,"id":"1","name":{"given":"Ada"}}';
  for (const users of [old, next]) {
    const key = users.release.key("1");
    await cache.set(key, newer);
    assert.equal((await users.get("1")).email, "ada@example.com");
    assert.equal(users.stats["newer schema"], 1);
    assert.equal(await cache.get(key), newer); // left to those who can read it
    await users.rename("1", "Ada Lovelace");
    assert.equal(await cache.get(key), null); // a write still deletes it
  }
});

test("corrupt_value_of_no_schema_is_overwritten", async (t) => {
  const { cache, next } = await releases(t);
  const corrupt = ["", "{", "NaN", "null", "[]", '{"schema":1e999}', '{"schema":2.5}', '{"schema":"x"}', '{"schema":null}', '{"schema":2,"id":1}', '{"schema":2}'];
  for (const [before, value] of corrupt.entries()) {
    await cache.set(NEW.key("1"), value);
    assert.deepEqual(await next.get("1"), NEW_USER);
    assert.equal(next.stats["corrupt values"], before + 1);
    assert.match(await cache.get(NEW.key("1")), /^\{"schema":2,"id":"1"/);
  }
  for (const hostile of ["2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", "x".repeat(10_000)])
    assert.equal(await next.get(hostile), null);
  assert.equal(await cache.get(NEW.key("*")), "missing");
});
