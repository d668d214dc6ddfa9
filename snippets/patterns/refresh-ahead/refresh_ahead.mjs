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
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  });
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

export const cacheKey = (id) => `cache:report:${id}`; // differs: reports
export const lockKey = (id) => `lock:report:${id}`; // differs: reports

const isDue = (left) => left >= 0 && left < REFRESH_BELOW * 1000;

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

/** What goes under the key: these two fields, and a number that JavaScript reads as it stands. */
function isReport(it) {
  const fields = Object.keys(it ?? {}).sort().join();
  return fields === "cents,month" && typeof it.month === "string" && Number.isSafeInteger(it.cents);
}

/** The report in a cached value, or null: what is stored is input. */
function decode(cached) { // differs: a report
  try {
    const report = JSON.parse(cached);
    return isReport(report) ? report : null;
  } catch {
    return null;
  }
}

export class Reports {
  constructor(cache, load) {
    this.cache = cache;
    this.load = load;
    this.stats = { [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0, "corrupt values": 0, refreshes: 0, "failed refreshes": 0 };
    this.refreshing = null; // the latest refresh, to wait for
  }

  // --8<-- [start:read]
  async get(id) {
    const [cached, left] = (await this.tryCache(() => this.look(id))) ?? [null, -2];
    const known = decode(cached);
    if (known === null) {
      if (cached !== null) this.stats["corrupt values"] += 1;
      const report = await this.load(id); // a cold key: this caller waits
      await this.tellCache(() => this.store(id, report));
      return report;
    }
    if (isDue(left)) // not at -1: that never expires
      await this.tellCache(() => this.startRefresh(id));
    return known;
  }

  /** Fetch the value and its time left, both of one moment. */
  async look(id) {
    const both = this.cache.multi().get(cacheKey(id)).pttl(cacheKey(id));
    const replies = await both.exec().catch((error) => {
      throw error.previousErrors?.[0] ?? error; // what made Redis discard both
    });
    const [failed] = replies.filter(([error]) => error); // a wrong type, say
    if (failed) throw failed[0];
    return replies.map(([, reply]) => reply);
  }
  // --8<-- [end:read]

  async store(id, report, ...onlyIfThere) {
    if (!isReport(report)) throw new Error(`no report: ${JSON.stringify(report)}`);
    const ttl = Math.round(TTL * (0.9 + Math.random() * 0.2));
    await this.cache.set(cacheKey(id), JSON.stringify(report), "EX", ttl, ...onlyIfThere);
  }

  // --8<-- [start:take]
  async startRefresh(id) {
    const [lock, token] = [lockKey(id), randomUUID()];
    if (await this.cache.set(lock, token, "PX", LOCK_TTL * 1000, "NX")) // one gets it
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
      if (this.failed(error) === MISTAKE) throw error;
      return null;
    }
  }

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
