// npm install ioredis@6.0.0
// A schema version in the key: two releases of one program run side by side, and neither reads the other's values.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

const [TTL, MISSING_TTL, MISSING] = [3600, 60, "missing"];

// --8<-- [start:releases]
export const OLD = {
  schema: 1,
  key: (id) => `cache:user:${id}`, // each schema has a key of its own
  fields: ["id", "name", "email"],
  stamp: {}, // the first release had none
};
export const NEW = {
  schema: 2,
  key: (id) => `cache:v2:user:${id}`,
  fields: ["id", "name", "email", "plan"],
  stamp: { schema: 2 },
};
const ALIVE = [OLD, NEW]; // ship this list a release before NEW
// --8<-- [end:releases]

export class Users {
  constructor(cache, db, release) {
    Object.assign(this, { cache, db, release });
    this.stats = { "database reads": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
    this.stats["corrupt values"] = this.stats["newer schema"] = 0;
  }

  // --8<-- [start:read]
  async get(id) {
    const key = this.release.key(id);
    const cached = await this.tryCache(() => this.cache.get(key));
    if (cached === MISSING) return null;
    const { schema, user: known } = this.decode(cached);
    if (known !== null) return known;
    const user = await this.load(id);
    if (schema > this.release.schema) {
      this.stats["newer schema"] += 1;
      return user; // and leave the newer value to those who can read it
    }
    if (cached !== null) this.stats["corrupt values"] += 1;
    const value = user ? JSON.stringify({ ...this.release.stamp, ...user }) : MISSING;
    const ttl = Math.round((user ? TTL : MISSING_TTL) * (0.9 + Math.random() * 0.2));
    await this.tellCache(() => this.cache.set(key, value, "EX", ttl));
    return user;
  }
  // --8<-- [end:read]

  // --8<-- [start:decode]
  /** The schema of a value, 0 if there is none, and the user if we can read it. */
  decode(cached) { // differs: says the schema too
    try {
      const { schema = 1, ...user } = JSON.parse(cached);
      if (!Number.isInteger(schema)) return { schema: 0, user: null };
      const texts = Object.values(user).every((field) => typeof field === "string");
      const fields = Object.keys(user).sort().join();
      const known = fields === [...this.release.fields].sort().join() && texts;
      return { schema, user: known && schema === this.release.schema ? user : null };
    } catch {
      return { schema: 0, user: null }; // no JSON, or null
    }
  }
  // --8<-- [end:decode]

  load(id) {
    this.stats["database reads"] += 1;
    const query = `SELECT ${this.release.fields.join()} FROM users WHERE id = ?`; // our own names, no input
    const row = this.db.prepare(query).get(id);
    return row === undefined ? null : { ...row };
  }

  // --8<-- [start:write]
  async rename(id, name) {
    const update = this.db.prepare("UPDATE users SET name = ? WHERE id = ?");
    update.run(name, id); // commits
    for (const release of ALIVE)
      // one DEL each: in a cluster the keys lie on two shards
      await this.tellCache(() => this.cache.del(release.key(id)));
  }
  // --8<-- [end:write]

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
}

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

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(OLD.key("1"), NEW.key("1")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users AS SELECT '1' AS id, 'Ada' AS name, 'ada@example.com' AS email, 'pro' AS plan");
  const [before, after] = [new Users(cache, db, OLD), new Users(cache, db, NEW)];
  const show = async (step, users) => console.log(`${step}: ${Object.values(await users.get("1")).join(" ")}`);
  await show("old release", before);
  await show("new release", after);
  await before.rename("1", "Ada Lovelace");
  await show("new release, after the old one wrote", after);
  await show("old release, too", before);
  await cache.set(NEW.key("1"), '{"schema":3,"id":"1"}', "EX", 3600);
  await show("a value of schema 3 under the same key", after);
  console.log(`newer schema: ${after.stats["newer schema"]} - the key still holds ${await cache.get(NEW.key("1"))}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
