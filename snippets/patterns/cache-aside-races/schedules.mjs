// npm install ioredis@6.0.0
// The race of a reader and a writer, run in all ten orders: with a plain delete one ends stale, with versions none.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

const KEY = "cache:product:1";
const TTL = 3600; // s
const TOMBSTONE_TTL = 60; // s

// --8<-- [start:policies]
export const plain = {
  store: (cache, version, price) =>
    cache.multi().hset(KEY, { version, data: price }).expire(KEY, TTL).exec(),
  invalidate: (cache) => cache.del(KEY),
};

const SCRIPT = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
return redis.call('EXPIRE', KEYS[1], ARGV[2])`;

export const versioned = {
  store: (cache, version, price) =>
    cache.eval(SCRIPT, 1, KEY, version, TTL, "data", price),
  invalidate: (cache, version) =>
    cache.eval(SCRIPT, 1, KEY, version, TOMBSTONE_TTL),
};
// --8<-- [end:policies]

// --8<-- [start:actors]
/** An actor waits here before each step, and says when it has done it. */
class Gate {
  begin = Promise.withResolvers();
  end = Promise.withResolvers();

  async step(action) {
    await this.begin.promise;
    const result = await action();
    const { resolve } = this.end;
    this.begin = Promise.withResolvers();
    this.end = Promise.withResolvers();
    resolve();
    return result;
  }
}

async function read(policy, cache, db, gate) {
  await gate.step(() => cache.hget(KEY, "data")); // always a miss: only we fill it
  const query = db.prepare("SELECT version, price_cents FROM products");
  const { version, price_cents } = await gate.step(() => query.get());
  await gate.step(() => policy.store(cache, version, price_cents));
}

async function write(policy, cache, db, gate) {
  const update = "UPDATE products SET price_cents = 475, version = 2";
  await gate.step(() => db.exec(update)); // commits
  await gate.step(() => policy.invalidate(cache, 2));
}
// --8<-- [end:actors]

// --8<-- [start:run]
/** All ways to merge three steps of a reader with two of a writer: 5 over 2. */
export function* schedules() {
  for (let first = 0; first < 5; first += 1)
    for (let second = first + 1; second < 5; second += 1)
      yield [..."RRR"].toSpliced(first, 0, "W").toSpliced(second, 0, "W").join("");
}

export async function run(policy, cache, schedule) {
  await cache.del(KEY);
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE products AS SELECT 450 AS price_cents, 1 AS version");
  const gates = { R: new Gate(), W: new Gate() };
  const actors = Promise.all([
    read(policy, cache, db, gates.R),
    write(policy, cache, db, gates.W),
  ]);
  for (const actor of schedule) {
    const { begin, end } = gates[actor];
    begin.resolve();
    await Promise.race([end.promise, actors]); // an actor that fails ends it all
  }
  await actors;
  return [null, "475"].includes(await cache.hget(KEY, "data")) ? "fresh" : "STALE";
}
// --8<-- [end:run]

async function main() {
  const cache = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const stale = { plain: 0, versioned: 0 };
  for (const schedule of schedules()) {
    const results = { plain: await run(plain, cache, schedule), versioned: await run(versioned, cache, schedule) };
    console.log(`${[...schedule].join(" ")}  plain: ${results.plain}  versioned: ${results.versioned}`);
    for (const name of Object.keys(stale)) stale[name] += results[name] === "STALE" ? 1 : 0;
  }
  for (const [name, count] of Object.entries(stale)) console.log(`${name}: ${count} of 10 stale`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
