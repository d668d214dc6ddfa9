/** What the write-behind page claims of the worker, in JavaScript. A worker that is killed is a real process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { bury, MAX_DELIVERIES as BURIED_AFTER } from "../../../snippets/patterns/write-behind/dead_letter.mjs";
import { CLAIM_AFTER_MS, connect, MAX_DELIVERIES, sortable, TABLE, Writer } from "../../../snippets/patterns/write-behind/worker.mjs";
import { startServer } from "../../../harness/redis_server.mjs";

const [STREAM, GROUP] = ["stream:carts", "writers"];
const PROGRAM = join(import.meta.dirname, "../../../snippets/patterns/write-behind/worker.mjs");

async function eventually(happened, what) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(5)) if (await happened()) return;
  throw new Error(`it did not happen that ${what}`);
}

/** A Redis of its own, a database in a file with a log of its writes, and workers to start. */
async function makeShop(t) {
  const server = await startServer();
  t.after(server.stop);
  const dir = mkdtempSync(join(tmpdir(), "shop-"));
  const database = join(dir, "shop.db");
  const db = new DatabaseSync(database, { timeout: 10_000 });
  db.exec(`PRAGMA journal_mode = WAL; ${TABLE}; CREATE TABLE log (id TEXT, version TEXT);
    CREATE TRIGGER inserted AFTER INSERT ON carts BEGIN INSERT INTO log VALUES (new.id, new.version); END;
    CREATE TRIGGER updated AFTER UPDATE ON carts BEGIN INSERT INTO log VALUES (new.id, new.version); END;`);
  const cache = connect(server.url);
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  const workers = new Set();
  t.after(() => {
    workers.forEach((worker) => worker.kill("SIGKILL"));
    cache.disconnect();
    db.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const held = async () => (await cache.xpending(STREAM, GROUP))[0];
  return {
    cache, database, db, held, server,
    add: (data, id = "1") => cache.xadd(STREAM, "*", "id", id, "data", data),
    rows: () => db.prepare("SELECT id, version, data FROM carts ORDER BY id").all().map((row) => ({ ...row })),
    log: () => db.prepare("SELECT version FROM log").all().map((row) => row.version),
    async start() {
      const env = { ...process.env, REDIS_URL: server.url, DATABASE: database, CLAIM_AFTER_MS: "100" };
      const worker = spawn(process.execPath, [PROGRAM], { env, stdio: "inherit" });
      workers.add(worker);
      const reads = async () => (await cache.client("LIST")).includes("cmd=xreadgroup");
      await eventually(reads, "the worker reads");
      return worker;
    },
    /** Lock the database, and leave the worker with entries in hand that it cannot write. */
    async catchInHand(add) {
      for (let tries = 0; tries < 50; tries += 1) {
        db.exec("BEGIN IMMEDIATE");
        await add();
        for (let i = 0; i < 60; i += 1, await sleep(5)) {
          const pending = await cache.xpending(STREAM, GROUP, "-", "+", 100);
          if (pending.some(([id]) => !this.log().includes(sortable(id)))) return; // else it is about to acknowledge
        }
        db.exec("ROLLBACK"); // it was at its question whether it can write, and holds nothing
        await sleep(20);
      }
      throw new Error("the worker never held an entry");
    },
    /** Leave the worker with an entry that it has committed and cannot acknowledge; return the entry's version. */
    async catchCommitted(add) {
      await this.catchInHand(add);
      await cache.client("PAUSE", 60_000, "WRITE"); // which holds the acknowledgement back
      db.exec("ROLLBACK");
      let committed;
      await eventually(async () => {
        const pending = await cache.xpending(STREAM, GROUP, "-", "+", 100);
        committed = pending.map(([id]) => sortable(id)).find((version) => this.log().includes(version));
        return committed;
      }, "the worker commits");
      return committed;
    },
  };
}

/** A worker that claims at once what another holds. */
const atOnce = (cache, db) => new Writer(cache, db, 0); // not as shipped: half a minute is tried below

test("worker_crash_before_ack_redelivers_and_row_written_once", async (t) => {
  const shop = await makeShop(t);
  const worker = await shop.start();
  const committed = await shop.catchCommitted(() => shop.add('{"pen":1}'));
  worker.kill("SIGKILL");
  await once(worker, "exit");
  await eventually(async () => (await shop.cache.client("LIST")).trim().split("\n").length === 1, "its connection ends");
  await shop.cache.client("UNPAUSE");
  assert.ok((await shop.held()) >= 1);

  const second = await shop.start();
  await eventually(async () => (await shop.cache.xlen(STREAM)) === 0, "the second worker has caught up");
  assert.equal(shop.log().filter((version) => version === committed).length, 1);
  assert.ok(shop.rows()[0].version >= committed);
  second.kill("SIGTERM");
  assert.deepEqual(await once(second, "exit"), [0, null]);
});

test("redelivered_old_entry_does_not_overwrite_newer_row", async (t) => {
  const shop = await makeShop(t);
  await shop.add('{"pen":"old"}');
  const newer = await shop.add('{"pen":"new"}');
  await shop.cache.xreadgroup("GROUP", GROUP, "dies with it", "COUNT", 1, "STREAMS", STREAM, ">");
  const writer = atOnce(shop.cache, shop.db);
  await writer.handle(...(await writer.read())[0]);
  const [old] = await writer.claim();
  assert.deepEqual(old[1], ["id", "1", "data", '{"pen":"old"}']);
  await writer.handle(...old);
  assert.deepEqual(shop.rows(), [{ id: "1", version: sortable(newer), data: '{"pen":"new"}' }]);
  assert.equal(shop.log().length, 1);
  assert.equal(await shop.cache.xlen(STREAM), 0);
});

test("a_flushed_cart_gets_its_ttl_only_if_nothing_newer_waits", async (t) => {
  const shop = await makeShop(t);
  const writer = atOnce(shop.cache, shop.db);
  const first = await shop.add('{"pen":1}');
  const second = await shop.add('{"pen":2}');
  await shop.cache.hset("cart:1", { version: second, data: '{"pen":2}' });
  const entries = await writer.read();
  assert.equal(entries[0][0], first);
  await writer.handle(...entries[0]);
  assert.equal(await shop.cache.ttl("cart:1"), -1); // the newer value is in Redis alone
  await writer.handle(...entries[1]);
  const ttl = await shop.cache.ttl("cart:1");
  assert.ok(ttl > 3500 && ttl <= 3600, `${ttl}`);
});

test("an_entry_that_the_database_refuses_stays_pending", async (t) => {
  const shop = await makeShop(t);
  await shop.add("no JSON");
  await shop.cache.xadd(STREAM, "*", "data", "{}");
  await shop.add("{}", "2");
  const writer = atOnce(shop.cache, shop.db);
  for (const entry of await writer.read()) await writer.handle(...entry);
  assert.equal(writer.stats.refused, 2);
  assert.deepEqual(shop.rows().map((row) => row.id), ["2"]); // the others go on
  assert.equal(await shop.held(), 2);
});

test("sigterm_finishes_the_entry_in_hand", async (t) => {
  const shop = await makeShop(t);
  const worker = await shop.start();
  const committed = await shop.catchCommitted(() => shop.cache.multi() // one read returns both
    .xadd(STREAM, "*", "id", "in hand", "data", "{}").xadd(STREAM, "*", "id", "next", "data", "{}").exec());
  const waiting = await shop.cache.xlen(STREAM);
  const exit = once(worker, "exit");
  worker.kill("SIGTERM");
  await sleep(200);
  assert.equal(worker.exitCode, null); // it does not leave the entry
  await shop.cache.client("UNPAUSE");
  assert.deepEqual(await exit, [0, null]);
  assert.equal(shop.rows()[0].id, "in hand");
  const left = (await shop.cache.xrange(STREAM, "-", "+")).map(([id]) => sortable(id));
  assert.equal(left.length, waiting - 1); // acknowledged; and what it had not begun waits
  assert.ok(!left.includes(committed));
});

/** Let entries lie for so much longer, as Redis counts it, without waiting for that. */
async function passTime(cache, milliseconds) {
  for (const [id, consumer, idle, times] of await cache.xpending(STREAM, GROUP, "-", "+", 1000))
    await cache.xclaim(STREAM, GROUP, consumer, 0, id, "IDLE", idle + milliseconds, "RETRYCOUNT", times, "JUSTID");
}

test("a_poison_entry_is_buried_at_the_constants_that_ship", async (t) => {
  const shop = await makeShop(t);
  assert.equal(MAX_DELIVERIES, BURIED_AFTER);
  const writers = [1, 2, 3].map(() => new Writer(shop.cache, shop.db));
  await shop.add("no JSON");
  await shop.add("{}", "2");
  await writers[0].turn();
  let second = 0;
  for (; second < 360; second += 5) {
    for (const writer of writers) for (const entry of await writer.claim()) await writer.handle(...entry);
    if (second % 60 === 0 && (await bury(shop.cache))) break;
    await passTime(shop.cache, 5000);
  }
  assert.ok(second >= 180 && second <= 240, `${second} s`);
  assert.equal(writers.reduce((sum, writer) => sum + writer.stats.refused, 0), 5);
  assert.equal(await shop.cache.xlen(STREAM), 0);
  assert.deepEqual(shop.rows().map((row) => row.id), ["2"]);
});

test("good_entries_behind_one_that_kills_its_worker_are_written", async (t) => {
  const shop = await makeShop(t);
  await shop.add("{}", "killer");
  for (let i = 0; i < 15; i += 1) await shop.add("{}", `good ${i}`); // all of them in one batch
  class Dies extends Writer {
    async handle(entryId, fields) {
      if (fields[1] === "killer") throw new Error("killed");
      await super.handle(entryId, fields);
    }
  }
  const dies = () => assert.rejects(new Dies(shop.cache, shop.db).run(true), /killed/);
  const outlives = () => new Dies(shop.cache, shop.db).run(true);

  await dies(); // it had all of them
  await outlives(); // nothing is old enough to be claimed
  await passTime(shop.cache, CLAIM_AFTER_MS);
  await dies();
  await outlives(); // the next one leaves the killer alone: it came to another just now
  assert.equal(shop.rows().length, 15);
  for (let deaths = 2; deaths < MAX_DELIVERIES; deaths += 1) {
    await passTime(shop.cache, CLAIM_AFTER_MS);
    await dies();
  }
  await passTime(shop.cache, 60_000);
  await outlives(); // the killer has had its five
  assert.equal(await bury(shop.cache), 1);
  const [[, dead]] = await shop.cache.xrange("stream:carts:dead", "-", "+");
  assert.ok(dead.includes("killer"));
  assert.equal(await shop.cache.xlen(STREAM), 0);
});

test("bytes_of_another_producer_end_no_worker", async (t) => {
  const shop = await makeShop(t);
  const bytes = Buffer.from([0xff]);
  await shop.cache.xadd(STREAM, "*", "id", bytes, "data", bytes);
  await shop.cache.xadd(STREAM, "*", bytes, bytes);
  await shop.add("{}", "2");
  const writer = atOnce(shop.cache, shop.db);
  await writer.run(true);
  assert.deepEqual([writer.stats.refused, writer.stats.settled], [10, 1]);
  assert.equal(await bury(shop.cache, 0), 2);
  const [[, kept]] = await shop.cache.xrangeBuffer("stream:carts:dead", "-", "+");
  assert.ok(kept[5].equals(bytes));
});

test("while_the_database_is_down_nothing_is_taken", async (t) => {
  const shop = await makeShop(t);
  await shop.add("{}");
  const db = new DatabaseSync(shop.database, { timeout: 50 });
  t.after(() => db.close());
  shop.db.exec("BEGIN IMMEDIATE");
  const writer = atOnce(shop.cache, db);
  assert.equal(await writer.turn(), null);
  assert.equal(writer.stats["database errors"], 1);
  assert.equal(await shop.held(), 0);
  shop.db.exec("ROLLBACK");
  await writer.run(true);
  assert.equal(shop.rows().length, 1);
});

test("an_outage_of_the_database_is_no_attempt", async (t) => {
  const shop = await makeShop(t);
  await shop.add("{}");
  shop.db.exec("CREATE TRIGGER fails BEFORE INSERT ON carts BEGIN SELECT no_such_function(); END");
  const writer = atOnce(shop.cache, shop.db);
  for (let i = 0; i < 2 * MAX_DELIVERIES; i += 1) assert.equal(await writer.turn(), null);
  assert.equal(writer.stats["database errors"], 2 * MAX_DELIVERIES);
  const [[, , , times]] = await shop.cache.xpending(STREAM, GROUP, "-", "+", 10);
  assert.equal(times, 1);
  shop.db.exec("DROP TRIGGER fails");
  await writer.run(true);
  assert.equal(shop.rows().length, 1);
});

test("the_worker_makes_a_group_that_is_gone", async (t) => {
  const shop = await makeShop(t);
  const writer = new Writer(connect(shop.server.url), shop.db);
  t.after(() => writer.cache.disconnect());
  const stop = () => { writer.stopping = true; };
  const running = writer.run();
  const writeOne = async () => {
    const before = shop.rows().length;
    await shop.add("{}", `${before}`);
    await eventually(() => shop.rows().length > before, "the row is written");
  };
  await writeOne();
  await shop.cache.flushall();
  await writeOne();
  await shop.cache.xgroup("DESTROY", STREAM, GROUP);
  await writeOne();
  await shop.cache.del(STREAM);
  await writeOne();
  stop();
  await running;
  assert.deepEqual([writer.stats["no group"], writer.stats.settled], [3, 4]);
});

test("a_mistake_ends_the_worker", async (t) => {
  const shop = await makeShop(t);
  await shop.cache.set(STREAM, "no stream");
  const writer = new Writer(shop.cache, shop.db);
  await assert.rejects(writer.run(), /WRONGTYPE/);
  assert.equal(writer.stats.mistakes, 1);
});
