// npm install ioredis@6.0.0
// Stale while revalidate: past its soft expiry a value is still served, while one reader has it loaded anew.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";

export const FRESH = 60; // seconds until a new value is wanted: the soft expiry, inside the value
export const TTL = 360; // seconds until an old value is worse than none: the hard one, on the key
export const LOCK_TTL = 10; // seconds: longer than a load, and the pause after a failed one
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

export const cacheKey = (category) => `cache:soft:bestsellers:${category}`; // differs: an entry, not titles
export const lockKey = (category) => `lock:soft:bestsellers:${category}`; // differs: of an entry

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

const areTitles = (them) => Array.isArray(them) && them.every((one) => typeof one === "string");

/** The titles and their soft expiry, or null: what is stored is input. */
function decode(cached) { // differs: an entry
  try {
    const entry = JSON.parse(cached);
    return areTitles(entry.value) && Number.isInteger(entry.fresh_until) ? entry : null;
  } catch {
    return null;
  }
}

export class Bestsellers {
  constructor(cache, load, now = () => Date.now() / 1000) {
    Object.assign(this, { cache, load, now });
    this.stats = { [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0, "corrupt values": 0, refreshes: 0, "failed refreshes": 0 };
    this.refreshing = null; // the latest refresh, to wait for
  }

  // --8<-- [start:read]
  async get(category) {
    const cached = await this.tryCache(() => this.cache.get(cacheKey(category)));
    const entry = decode(cached);
    if (entry === null) {
      if (cached !== null) this.stats["corrupt values"] += 1;
      const titles = await this.load(category); // nothing to serve: this caller waits
      await this.tellCache(() => this.store(category, titles));
      return titles;
    }
    if (entry.fresh_until <= this.now())
      await this.tellCache(() => this.startRefresh(category));
    return entry.value; // fresh or not, at once
  }

  async store(category, titles, ...onlyIfThere) {
    if (!areTitles(titles)) throw new Error(`no titles: ${titles}`); // for no reader
    const entry = { value: titles, fresh_until: Math.round(this.now()) + FRESH };
    const value = JSON.stringify(entry);
    await this.cache.set(cacheKey(category), value, "EX", TTL, ...onlyIfThere);
  }
  // --8<-- [end:read]

  // --8<-- [start:refresh]
  async startRefresh(category) {
    const [lock, token] = [lockKey(category), randomUUID()];
    if (await this.cache.set(lock, token, "PX", LOCK_TTL * 1000, "NX")) // one gets it
      this.refreshing = this.refresh(category, token); // not awaited
  }

  async refresh(category, token) {
    try {
      const entry = decode(await this.cache.get(cacheKey(category)));
      if (entry?.fresh_until <= this.now()) { // still: none came before us
        this.stats.refreshes += 1;
        await this.store(category, await this.load(category), "XX");
      }
      await this.cache.eval(RELEASE, 1, lockKey(category), token);
    } catch (error) { // readers have the old value; the lock stays
      this.stats["failed refreshes"] += 1;
      console.error(`refresh of bestsellers ${category}:`, error);
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
  await cache.del(cacheKey("scifi"), lockKey("scifi")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold");
  let clock = 1000; // a clock that the demonstration moves on

  const load = (category) => {
    const query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10";
    return db.prepare(query).all(category).map((row) => row.title);
  };

  const books = new Bestsellers(cache, load, () => clock);
  console.log("cold:", (await books.get("scifi"))[0]);
  db.exec("INSERT INTO books VALUES ('Solaris', 'scifi', 10)");
  clock += 30;
  console.log("30 s later, fresh:", (await books.get("scifi"))[0]);
  clock += 31;
  console.log("61 s later, stale:", (await books.get("scifi"))[0]);
  await books.refreshing;
  console.log("the next read:", (await books.get("scifi"))[0]);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
