// npm install ioredis@6.0.0
// Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM.

import { hostname } from "node:os";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const [STREAM, WAITING, GROUP] = ["stream:carts", "stream:carts:waiting", "writers"];
export const CLAIM_AFTER_MS = 30_000; // longer than one entry takes
export const MAX_DELIVERIES = 5; // as dead_letter.mjs has it, which takes over from there
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
if redis.pcall('HGET', KEYS[1], 'version') == ARGV[2] then
  redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
end
if redis.call('HGET', KEYS[3], ARGV[3]) == ARGV[2] then
  redis.call('HDEL', KEYS[3], ARGV[3])  -- no newer one waits
end
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[2], ARGV[2])
`;
// --8<-- [end:settle]

export function connect(url) { // differs: its timeout is longer than read() waits
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 5000,
    maxRetriesPerRequest: 1,
    // a client that nobody uses knocks once a second, not twenty times
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  });
  // without a listener ioredis prints the whole stack of each failed connection
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

const [AWAY, REFUSED, MISTAKE] = ["cache errors", "refused writes", "mistakes"];
const REFUSALS = /^(OOM|MISCONF|NOREPLICAS) /; // it is well, and serves reads
const PASSING = new RegExp(
  "^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|UNBLOCKED|BUSY Redis" +
    // ioredis has no class for an outage, only these messages
    "|ERR max number|Command (timed out|aborted)|Connection is closed" +
    "|Reached the max retr|Stream isn't wri" +
    "|Cluster isn't ready|Failed to refresh slots|Too many Cluster redirections)",
);

/** What an error of Redis or its client means to us. */
function kindOf({ message }) {
  if (REFUSALS.test(message)) return REFUSED;
  return PASSING.test(message) ? AWAY : MISTAKE;
}

export class Writer {
  constructor(cache, db, claimAfterMs = CLAIM_AFTER_MS) {
    Object.assign(this, { cache, db, claimAfterMs, stopping: false, hasGroup: true });
    this.name = `${hostname()}-${process.pid}`;
    this.stats = { settled: 0, refused: 0, "database errors": 0, "no group": 0 };
    Object.assign(this.stats, { [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 });
  }

  // --8<-- [start:run]
  async run(untilEmpty = false) {
    while (!this.stopping && ((await this.turn()) !== 0 || !untilEmpty));
  }

  /** Take entries and write them; how many. Null where something is away. */
  async turn() {
    try {
      this.db.exec("BEGIN IMMEDIATE; ROLLBACK"); // can it write? else take nothing
      if (!this.hasGroup) await this.makeGroup();
      let entries = await this.claim();
      if (!entries.length) entries = await this.read();
      for (const [entryId, fields] of entries) {
        if (this.stopping) break; // another worker will claim the rest
        await this.handle(entryId, fields);
      }
      return entries.length;
    } catch (error) {
      if (error.errcode !== undefined) this.stats["database errors"] += 1;
      else if (this.failed(error) === MISTAKE) throw error; // its supervisor's turn
      await sleep(200); // nothing is lost: what is not acknowledged stays
      return null;
    }
  }
  // --8<-- [end:run]

  // --8<-- [start:group]
  /** Only where it is missing: a full Redis refuses even what changes nothing. */
  async makeGroup() {
    const making = this.cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
    await making.catch((error) => {
      if (!error.message.startsWith("BUSYGROUP")) throw error; // another was first
    });
    this.hasGroup = true;
  }

  failed(error) { // differs: a group that is gone is made anew
    const gone = error.message.startsWith("NOGROUP"); // at first, after a flush
    const kind = gone ? "no group" : kindOf(error);
    if (gone) this.hasGroup = false;
    this.stats[kind] += 1;
    return kind;
  }
  // --8<-- [end:group]

  // --8<-- [start:handle]
  async handle(entryId, fields) {
    const { id = null, data = null } = toObject(fields);
    try {
      this.db.prepare(UPSERT).run(id, sortable(entryId), data); // commits
    } catch (error) {
      if (error.errcode % 256 !== 19) { // not SQLITE_CONSTRAINT
        await this.claimAgain(entryId); // the database's fault, not the entry's
        throw error;
      }
      this.stats.refused += 1; // stays pending, is claimed and tried again
      return;
    }
    const keys = [`cart:${id}`, STREAM, WAITING];
    await this.cache.eval(SETTLE, keys.length, ...keys, GROUP, entryId, id);
    this.stats.settled += 1;
  }
  // --8<-- [end:handle]

  // --8<-- [start:take]
  async read() {
    const options = ["COUNT", 16, "BLOCK", 500, "STREAMS", STREAM, ">"]; // ms
    const found = await this.cache.xreadgroup("GROUP", GROUP, this.name, ...options);
    return found ? found[0][1] : [];
  }

  /** Take over one entry that was had too long. One: a delivery is an attempt. */
  async claim() {
    const idle = this.claimAfterMs;
    const range = ["IDLE", idle, "-", "+", 1000];
    const old = await this.cache.xpending(STREAM, GROUP, ...range);
    const held = old.find(([, , , times]) => times < MAX_DELIVERIES); // else bury()
    return held ? this.cache.xclaim(STREAM, GROUP, this.name, idle, held[0]) : [];
  }

  /** Hold an entry as if it had come for the first time. */
  async claimAgain(entryId) {
    const options = [0, entryId, "RETRYCOUNT", 1, "JUSTID"];
    await this.cache.xclaim(STREAM, GROUP, this.name, ...options);
  }
  // --8<-- [end:take]
}

const toObject = (list) => Object.fromEntries(list.flatMap((value, i) => (i % 2 ? [[list[i - 1], value]] : [])));

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const { DATABASE: database } = process.env;
  const db = new DatabaseSync(database ?? ":memory:", { timeout: 5000 });
  db.exec(TABLE);
  if (database) {
    const writer = new Writer(cache, db, Number(process.env.CLAIM_AFTER_MS ?? CLAIM_AFTER_MS));
    process.on("SIGTERM", () => { writer.stopping = true; });
    return writer.run().finally(() => cache.quit());
  }

  await cache.del(STREAM); // left by an earlier run
  const writer = new Writer(cache, db, 0);
  await writer.makeGroup();
  await cache.xadd(STREAM, "1-0", "id", "1", "data", '{"pen":1}');
  await cache.xadd(STREAM, "2-0", "id", "1", "data", '{"pen":2}');
  await cache.hset("cart:1", { version: "2-0", data: '{"pen":2}' });
  await cache.xreadgroup("GROUP", GROUP, "dies with it", "COUNT", 1, "STREAMS", STREAM, ">");
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
