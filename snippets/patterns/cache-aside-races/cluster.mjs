// npm install ioredis@6.0.0
// Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so.

import { once } from "node:events";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Cluster, Redis } from "ioredis";

// --8<-- [start:connect]
const pause = (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2); // ms

/** Make the one client of the process. Any node will do: it names the others. */
export async function connect(url) { // differs: a cluster's client
  const { protocol, hostname, port, username, password } = new URL(url);
  const cluster = new Cluster([{ host: hostname, port: Number(port) || 6379 }], {
    clusterRetryStrategy: pause,
    enableOfflineQueue: false, // in that queue nothing would time out
    maxRedirections: 2,
    redisOptions: { // of each node, also of those that are found later
      tls: protocol === "rediss:" ? { servername: hostname } : undefined,
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
      connectTimeout: 500,
      commandTimeout: 500,
      socketTimeout: 500, // leaves a node that hangs, and asks for its replica
      maxRetriesPerRequest: 1,
    },
  });
  cluster.on("error", (error) => console.error(error.message));
  const patience = { signal: AbortSignal.timeout(1000) }; // CLUSTERDOWN may last
  await once(cluster, "ready", patience).catch(() => {}); // start without, go on
  return cluster;
}
// --8<-- [end:connect]

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

const userKey = (id) => `cache:user:${id}`;

/** Cache-aside, as short as it can be. */
export class Users {
  constructor(cache, db) {
    Object.assign(this, { cache, db });
    this.stats = { "database reads": 0, "corrupt values": 0, [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0 };
  }

  async get(id) {
    const cached = await this.tryCache(() => this.cache.get(userKey(id)));
    if (cached === "missing") return null;
    const known = cached === null ? null : this.decode(cached);
    if (known !== null) return known;
    this.stats["database reads"] += 1;
    const user = this.db.prepare("SELECT id, name, email FROM users WHERE id = ?").get(id);
    if (user === undefined) return null;
    await this.tellCache(() => this.cache.set(userKey(id), JSON.stringify(user), "EX", 3600));
    return { ...user };
  }

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
  const url = process.env.REDIS_CLUSTER_URL ?? "redis://127.0.0.1:7000";
  const cluster = await connect(url);
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)");
  const numbers = Array.from({ length: 20 }, (_, number) => `${number}`);
  for (const id of numbers) {
    db.prepare("INSERT INTO users VALUES (?, ?, ?)").run(id, `user ${id}`, `${id}@example.com`);
    await cluster.del(userKey(id)); // left by an earlier run
  }

  const users = new Users(cluster, db);
  for (const id of [...numbers, ...numbers]) await users.get(id);
  console.log(`cluster client: 40 reads, ${users.stats["database reads"]} of the database`);
  const sizes = await Promise.all(cluster.nodes("master").map((shard) => shard.dbsize()));
  console.log(`keys on the shards: ${sizes.sort((a, b) => a - b).join(" ")}`);

  const plain = new Redis(url);
  const unaware = new Users(plain, db);
  let moved = 0;
  for (const id of numbers)
    await unaware.get(id).catch((error) => {
      if (!error.message.startsWith("MOVED")) throw error;
      moved += 1;
    });
  console.log(`client without a map: 20 reads, ${moved} MOVED, ${unaware.stats["cache errors"]} cache errors`);
  await Promise.all([cluster.quit(), plain.quit()]);
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
