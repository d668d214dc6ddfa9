// npm install ioredis@6.0.0
// Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so.

import { once } from "node:events";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Cluster, Redis } from "ioredis";

// --8<-- [start:connect]
/** Make the one client of the process. Any node will do: it names the others. */
export async function connect(url) { // differs: a cluster's client
  const cluster = new Cluster([url], {
    clusterRetryStrategy: () => 200 + Math.random() * 100,
    enableOfflineQueue: false, // in that queue nothing would time out
    maxRedirections: 2,
    redisOptions: {
      connectTimeout: 500,
      commandTimeout: 500,
      maxRetriesPerRequest: 1,
    },
  });
  cluster.on("error", (error) => console.error(error.message));
  await once(cluster, "ready").catch(() => {}); // start without, and go on
  return cluster;
}
// --8<-- [end:connect]

const userKey = (id) => `cache:user:${id}`;

/** Users as JSON: cache-aside, as short as it can be. */
export class Users {
  constructor(cache, db) {
    Object.assign(this, { cache, db });
    this.stats = { "database reads": 0, "cache errors": 0 };
  }

  async get(id) {
    const cached = await this.tryCache(() => this.cache.get(userKey(id)));
    if (cached !== null) return cached;
    this.stats["database reads"] += 1;
    const query = "SELECT json_object('id', id, 'name', name, 'email', email) AS user FROM users WHERE id = ?";
    const row = this.db.prepare(query).get(id);
    if (row === undefined) return null;
    await this.tryCache(() => this.cache.set(userKey(id), row.user, "EX", 3600));
    return row.user;
  }

  // --8<-- [start:fail-open]
  async tryCache(command) { // differs: a cluster can be down as a whole
    try {
      return await command();
    } catch (error) {
      // the last two: a shard that is gone, and a cluster that misses one
      const outage = new RegExp(
        "^(Command timed out|Connection is closed|Reached the max retr|" +
          "Cluster isn't ready|Too many Cluster redirections|CLUSTERDOWN)",
      );
      if (!outage.test(error.message)) throw error;
      this.stats["cache errors"] += 1;
      return null;
    }
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
