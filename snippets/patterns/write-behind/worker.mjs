// npm install ioredis@6.0.0
// Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM.

import { hostname } from "node:os";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const [STREAM, GROUP, CLAIM_AFTER_MS] = ["stream:carts", "writers", 30_000];
export const TABLE = `CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY NOT NULL, version TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data)))`;

// --8<-- [start:upsert]
const UPSERT = `INSERT INTO carts (id, version, data) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data
  WHERE excluded.version > carts.version`; // an older entry changes nothing

/** The two numbers of an entry's id, padded so that texts compare as they do. */
export const sortable = (entryId) =>
  entryId.split("-").map((number) => number.padStart(20, "0")).join("-");
// --8<-- [end:upsert]

// --8<-- [start:settle]
const SETTLE = `
if redis.call('HGET', KEYS[1], 'version') == ARGV[2] then
  redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
end
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[2], ARGV[2])
`;
// --8<-- [end:settle]

export class Writer {
  constructor(cache, db, claimAfterMs = CLAIM_AFTER_MS) {
    Object.assign(this, { cache, db, claimAfterMs, cursor: "0-0", stopping: false });
    this.name = `${hostname()}-${process.pid}`;
    this.stats = { settled: 0, refused: 0, outages: 0 };
  }

  // --8<-- [start:run]
  async run(untilEmpty = false) {
    while (!this.stopping) {
      try {
        this.db.exec("BEGIN IMMEDIATE; ROLLBACK"); // can it write? else take nothing
        let entries = await this.claim();
        if (!entries.length) entries = await this.read();
        for (const [entryId, fields] of entries) {
          if (this.stopping) return; // another worker will claim the rest
          await this.handle(entryId, fields);
        }
        if (untilEmpty && !entries.length) return;
      } catch (error) {
        if (!isOutage(error)) throw error;
        this.stats.outages += 1; // nothing is lost: what is not acknowledged stays
        await sleep(200);
      }
    }
  }
  // --8<-- [end:run]

  // --8<-- [start:handle]
  async handle(entryId, fields) {
    const { id = null, data = null } = toObject(fields);
    try {
      this.db.prepare(UPSERT).run(id, sortable(entryId), data); // commits
    } catch (error) {
      if (error.errcode % 256 !== 19) throw error; // not SQLITE_CONSTRAINT
      this.stats.refused += 1; // stays pending, is claimed and tried again
      return;
    }
    await this.cache.eval(SETTLE, 2, `cart:${id}`, STREAM, GROUP, entryId);
    this.stats.settled += 1;
  }
  // --8<-- [end:handle]

  // --8<-- [start:take]
  async read() {
    const options = ["COUNT", 16, "BLOCK", 500, "STREAMS", STREAM, ">"]; // ms
    const found = await this.cache.xreadgroup("GROUP", GROUP, this.name, ...options);
    return found ? found[0][1] : [];
  }

  /** Take over what another worker has had for too long: it may be dead. */
  async claim() {
    const options = [this.claimAfterMs, this.cursor, "COUNT", 16];
    const taken = await this.cache.xautoclaim(STREAM, GROUP, this.name, ...options);
    this.cursor = taken[0];
    return taken[1];
  }
  // --8<-- [end:take]
}

const toObject = (list) => Object.fromEntries(list.flatMap((value, i) => (i % 2 ? [[list[i - 1], value]] : [])));
// SQLite: busy, locked, full and the like, not a constraint
const isOutage = ({ message, errcode }) =>
  errcode !== undefined || /^(Command timed out|Connection is closed|Reached the max retr)/.test(message);

export function connect(url) { // differs: its timeout is longer than read() waits
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 5000,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 50 + Math.random() * 50,
  });
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const { DATABASE: database } = process.env;
  const db = new DatabaseSync(database ?? ":memory:", { timeout: 5000 });
  db.exec(TABLE);
  if (!database) await cache.del(STREAM); // left by an earlier run
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM").catch((error) => {
    if (!error.message.startsWith("BUSYGROUP")) throw error; // another worker was first
  });
  if (database) {
    const writer = new Writer(cache, db, Number(process.env.CLAIM_AFTER_MS ?? CLAIM_AFTER_MS));
    process.on("SIGTERM", () => { writer.stopping = true; });
    return writer.run().finally(() => cache.quit());
  }

  await cache.xadd(STREAM, "1-0", "id", "1", "data", '{"pen":1}');
  await cache.xadd(STREAM, "2-0", "id", "1", "data", '{"pen":2}');
  await cache.hset("cart:1", { version: "2-0", data: '{"pen":2}' });
  await cache.xreadgroup("GROUP", GROUP, "dies with it", "COUNT", 1, "STREAMS", STREAM, ">");
  const writer = new Writer(cache, db, 0);
  const row = () => Object.values(db.prepare("SELECT id, data FROM carts").get()).join(" ");
  await writer.handle(...(await writer.read())[0]);
  console.log(`the newer entry is written: ${row()}`);
  await writer.run(true);
  console.log(`the older one comes again: ${row()}`);
  const minutes = Math.round((await cache.ttl("cart:1")) / 60);
  console.log(`waiting: ${await cache.xlen(STREAM)} TTL of the cart in minutes: ${minutes}`);
  return cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
