// npm install ioredis@6.0.0
// Refresh-ahead: a read near the end of a key's life starts one refresh in the background, and returns at once.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

export const TTL = 3600; // seconds
export const REFRESH_BELOW = 900; // seconds left: the last quarter of the TTL
export const LOCK_TTL = 30; // seconds: longer than a load, and the pause after a failed one

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1]) end
return 0`;

export function connect(url) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 50 + Math.random() * 50,
  });
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

export const cacheKey = (id) => `cache:report:${id}`; // differs: reports
export const lockKey = (id) => `lock:report:${id}`; // differs: reports

const isDue = (left) => left >= 0 && left < REFRESH_BELOW * 1000;

export class Reports {
  constructor(cache, load) {
    this.cache = cache;
    this.load = load;
    this.stats = { refreshes: 0, "failed refreshes": 0, "cache errors": 0 };
    this.refreshing = null; // the latest refresh, to wait for
  }

  // --8<-- [start:read]
  async get(id) {
    const [cached, left] = (await this.tryCache(() => this.look(id))) ?? [null, -2];
    if (cached === null) {
      const report = await this.load(id); // a cold key: this caller waits
      await this.tryCache(() => this.store(id, report));
      return report;
    }
    if (isDue(left)) await this.startRefresh(id); // not at -1: that never expires
    return JSON.parse(cached);
  }

  /** Fetch the value and its time left, both of one moment. */
  async look(id) {
    const both = this.cache.multi().get(cacheKey(id)).pttl(cacheKey(id));
    return (await both.exec()).map(([error, reply]) => {
      if (error) throw error; // of a single command: a wrong type, say
      return reply;
    });
  }

  store(id, report, ...onlyIfThere) {
    const ttl = Math.round(TTL * (0.9 + Math.random() * 0.2));
    const value = JSON.stringify(report);
    return this.cache.set(cacheKey(id), value, "EX", ttl, ...onlyIfThere);
  }
  // --8<-- [end:read]

  // --8<-- [start:take]
  async startRefresh(id) {
    const [lock, token] = [lockKey(id), randomUUID()];
    const take = () => this.cache.set(lock, token, "PX", LOCK_TTL * 1000, "NX");
    if (await this.tryCache(take)) // NX: one reader of all gets it
      this.refreshing = this.refresh(id, token); // not awaited
  }
  // --8<-- [end:take]

  // --8<-- [start:refresh]
  async refresh(id, token) {
    try {
      const [, left] = await this.look(id);
      if (isDue(left)) { // still: none came before us
        this.stats.refreshes += 1;
        await this.store(id, await this.load(id), "XX");
      }
      await this.cache.eval(RELEASE, 1, lockKey(id), token);
    } catch (error) { // readers have the old value; the lock stays
      this.stats["failed refreshes"] += 1;
      console.error(`refresh of report ${id}:`, error);
    }
  }
  // --8<-- [end:refresh]

  async tryCache(command) {
    try {
      return await command();
    } catch (error) {
      const outage = /^(Command timed out|Connection is closed|Reached the max retr)/;
      if (!outage.test(error.message)) throw error;
      this.stats["cache errors"] += 1;
      return null;
    }
  }
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(cacheKey("2026-10"), lockKey("2026-10")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE orders AS SELECT '2026-10' AS month, 1250 AS cents");

  const load = (month) => {
    const query = "SELECT sum(cents) AS cents FROM orders WHERE month = ?";
    return { month, cents: db.prepare(query).get(month).cents };
  };

  const reports = new Reports(cache, load);
  console.log("cold key:", (await reports.get("2026-10")).cents);
  db.exec("INSERT INTO orders VALUES ('2026-10', 750)");
  await cache.expire(cacheKey("2026-10"), 600); // as if 50 minutes had gone by
  const readers = Array.from({ length: 50 }, () => reports.get("2026-10"));
  const answers = await Promise.all(readers);
  await reports.refreshing;
  console.log(`${answers.length} answers near its end, refreshes: ${reports.stats.refreshes}`);
  console.log("after the refresh:", (await reports.get("2026-10")).cents);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
