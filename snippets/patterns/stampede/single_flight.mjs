// npm install ioredis@6.0.0
// Single flight in one process: callers that ask for the same key while it is being read share that one read.

import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

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

export const cacheKey = (category) => `cache:bestsellers:${category}`;
const jitter = (ttl) => Math.round(ttl * (0.9 + Math.random() * 0.2));

// --8<-- [start:flight]
export class SingleFlight {
  flights = new Map();

  /** Do the work for a key, or wait for the caller who is doing it already. */
  do(key, work) {
    let flight = this.flights.get(key);
    if (flight === undefined) {
      // a failure reaches all who wait, and none later
      flight = work().finally(() => this.flights.delete(key));
      this.flights.set(key, flight);
    }
    return flight;
  }
}
// --8<-- [end:flight]

export class Bestsellers {
  constructor(cache, load) {
    this.cache = cache;
    this.load = load;
    this.flights = new SingleFlight();
    this.stats = { "cache errors": 0 };
  }

  // --8<-- [start:read]
  get(category) {
    return this.flights.do(category, () => this.read(category));
  }

  /** Cache-aside, as ever: GET, load, SET. All three are inside the flight. */
  async read(category) {
    const key = cacheKey(category);
    const cached = await this.tryCache(() => this.cache.get(key));
    if (cached !== null) return JSON.parse(cached);
    const titles = await this.load(category);
    const value = JSON.stringify(titles);
    await this.tryCache(() => this.cache.set(key, value, "EX", jitter(3600)));
    return titles;
  }
  // --8<-- [end:read]

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
  await cache.del(cacheKey("scifi")); // left by an earlier run
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold");
  let loads = 0;

  const load = async (category) => {
    loads += 1;
    await sleep(200); // a slow query
    const query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10";
    return db.prepare(query).all(category).map((row) => row.title);
  };

  const books = new Bestsellers(cache, load);
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  console.log(`${answers.length} callers in one process, loads: ${loads}`);
  await books.get("scifi");
  console.log(`one caller more, loads: ${loads}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
