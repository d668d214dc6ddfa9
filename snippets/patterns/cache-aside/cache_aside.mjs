// npm install ioredis@6.0.0
// Cache-aside: read users through Redis; to write, commit to the database, then delete the key.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

// --8<-- [start:connect]
/** Make the one client that the whole process shares. Times in milliseconds. */
export function connect(url) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    // a client that nobody uses knocks once a second, not twenty times
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  });
  // without a listener ioredis prints the whole stack of each failed connection
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}
// --8<-- [end:connect]

// --8<-- [start:model]
export const TTL = 3600; // s, ±10 %: stale for 3,960 s at most, from the SET on
export const MISSING_TTL = 60; // s; short, because a missing user may soon exist
export const MISSING = "missing"; // not JSON, so no user can be mistaken for it

/** What goes into the cache: named fields, no secrets. */
const toUser = ({ id, name, email }) => ({ id, name, email });

/** The only key that this example reads, writes or deletes. */
export const userKey = (id) => `cache:user:${id}`;

/** Spread expiries over ±10 %: keys written together expire apart. */
export const jitter = (ttl) => Math.round(ttl * (0.9 + Math.random() * 0.2));
// --8<-- [end:model]

// --8<-- [start:kinds]
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
// --8<-- [end:kinds]

export class Users {
  constructor(cache, db) {
    this.cache = cache;
    this.db = db;
    this.stats = { "database reads": 0, "corrupt values": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
  }

  // --8<-- [start:read]
  async get(id) {
    const key = userKey(id);
    const cached = await this.tryCache(() => this.cache.get(key));
    if (cached === MISSING) return null;
    const known = cached === null ? null : this.decode(cached);
    if (known !== null) return known;

    const user = await this.load(id); // node:sqlite is synchronous, most are not
    const value = user === null ? MISSING : JSON.stringify(user);
    const ttl = user === null ? MISSING_TTL : TTL;
    await this.tellCache(() => this.cache.set(key, value, "EX", jitter(ttl)));
    return user;
  }

  load(id) {
    this.stats["database reads"] += 1;
    const query = "SELECT id, name, email FROM users WHERE id = ?";
    const row = this.db.prepare(query).get(id);
    return row === undefined ? null : toUser(row);
  }
  // --8<-- [end:read]

  // --8<-- [start:decode]
  /** A cached value as a user. Anything else is counted, and is a miss. */
  decode(cached) {
    try {
      const user = JSON.parse(cached);
      const texts = Object.values(user).every((value) => typeof value === "string");
      if (texts && Object.keys(user).sort().join() === "email,id,name") return user;
    } catch {
      // no JSON, or null, which has no fields
    }
    this.stats["corrupt values"] += 1;
    return null;
  }
  // --8<-- [end:decode]

  // --8<-- [start:write]
  async save(user) {
    const upsert = `INSERT INTO users (id, name, email) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE
      SET name = excluded.name, email = excluded.email`;
    this.db.prepare(upsert).run(user.id, user.name, user.email); // commits
    await this.tellCache(() => this.cache.del(userKey(user.id))); // after the commit
  }
  // --8<-- [end:write]

  // --8<-- [start:fail-open]
  /** Ask. If Redis is away, count that and answer null; a mistake surfaces. */
  async tryCache(command) {
    try {
      return await command();
    } catch (error) {
      if (this.failed(error) === MISTAKE) throw error;
      return null;
    }
  }

  /** Tell. The caller has its row or its commit, whatever Redis answers. */
  async tellCache(command) {
    try {
      await command();
    } catch (error) {
      if (this.failed(error) === MISTAKE) console.error(error); // be loud
    }
  }

  failed(error) {
    const kind = kindOf(error);
    this.stats[kind] += 1;
    return kind;
  }
  // --8<-- [end:fail-open]
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT)");
  const users = new Users(cache, db);
  await users.save({ id: "1", name: "Ada", email: "ada@example.com" });

  const show = (step, user) => {
    const reads = users.stats["database reads"];
    console.log(`${step}: ${user ? user.name : "nobody"}, database reads: ${reads}`);
  };

  show("first read", await users.get("1"));
  show("second read", await users.get("1"));
  await users.save({ id: "1", name: "Ada Lovelace", email: "ada@example.com" });
  show("read after write", await users.get("1"));
  await cache.del(userKey("2")); // left by an earlier run
  show("missing user", await users.get("2"));
  show("missing user again", await users.get("2"));
  console.log(`cache errors: ${users.stats["cache errors"]}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
