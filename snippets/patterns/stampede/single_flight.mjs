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
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
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
  async do(key, work) {
    let flight = this.flights.get(key);
    if (flight === undefined) {
      const isOpen = () => this.flights.get(key) === flight;
      flight = work(isOpen).finally(() => {
        // a failure reaches all who wait, and none later
        if (isOpen()) this.flights.delete(key);
      });
      this.flights.set(key, flight);
    }
    return structuredClone(await flight); // each gets a list of its own
  }

  /** Let nobody join a flight that is under way. */
  close(key) {
    this.flights.delete(key);
  }
}
// --8<-- [end:flight]

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

/** The titles in a cached value, or null: what is stored is input. */
function decode(cached) { // differs: titles
  try {
    const titles = JSON.parse(cached);
    return areTitles(titles) ? titles : null;
  } catch {
    return null;
  }
}

export class Bestsellers {
  constructor(cache, load) {
    this.cache = cache;
    this.load = load;
    this.flights = new SingleFlight();
    this.stats = { [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0, "corrupt values": 0 };
  }

  // --8<-- [start:read]
  get(category) {
    return this.flights.do(category, (isOpen) => this.read(category, isOpen));
  }

  /** Cache-aside, as ever: GET, load, SET. All three are inside the flight. */
  async read(category, isOpen) {
    const cached = await this.tryCache(() => this.cache.get(cacheKey(category)));
    const known = decode(cached);
    if (known !== null) return known;
    if (cached !== null) this.stats["corrupt values"] += 1;
    const titles = await this.load(category);
    if (isOpen()) // no write has closed the flight
      await this.tellCache(() => this.store(category, titles));
    return titles;
  }

  /** Call this after a commit: what was read before it is old. */
  async changed(category) {
    this.flights.close(category); // what that loads is not stored any more;
    await this.tellCache(() => this.cache.del(cacheKey(category)));
    this.flights.close(category); // nor joined, what may have read the old value
  }
  // --8<-- [end:read]

  async store(category, titles) {
    if (!areTitles(titles)) throw new Error(`no titles: ${titles}`); // for no reader
    await this.cache.set(cacheKey(category), JSON.stringify(titles), "EX", jitter(3600));
  }

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
