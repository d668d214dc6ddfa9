// npm install ioredis@6.0.0
// One load over all processes: whoever takes the lock loads, the others wait for what that one stores.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

// --8<-- [start:release]
export const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`;
// --8<-- [end:release]
const EXTEND = RELEASE.replace("'DEL', KEYS[1]", "'PEXPIRE', KEYS[1], ARGV[2]");

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
export const lockKey = (category) => `lock:bestsellers:${category}`;
const jitter = (ttl) => Math.round(ttl * (0.9 + Math.random() * 0.2));

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
  constructor(cache, load, { lockTtl = 5000, wait = 30_000 } = {}) {
    Object.assign(this, { cache, load, lockTtl, wait }); // milliseconds
    this.loading = 0; // loads under way in this process
    this.stats = { [AWAY]: 0, [REFUSED]: 0, [MISTAKE]: 0, "corrupt values": 0, busy: 0 };
  }

  // --8<-- [start:read]
  async get(category) {
    const token = randomUUID(); // ours alone, so that we release no other's lock
    const known = await this.tryCache(() => this.valueOrLock(category, token));
    if (known !== null) return known;
    const release = this.hold(category, token);
    try {
      const titles = await this.loadInside(category);
      await this.tellCache(() => this.store(category, titles));
      return titles;
    } finally {
      await release();
    }
  }

  /** Load in the bulkhead: all that is left where there is no lock. */
  async loadInside(category) {
    for (const until = performance.now() + 2000; this.loading >= 10; await sleep(20))
      if (performance.now() > until) {
        this.stats.busy += 1;
        throw new Error("busy: as many loads as may be are under way");
      }
    this.loading += 1;
    try {
      return await this.load(category);
    } finally {
      this.loading -= 1;
    }
  }
  // --8<-- [end:read]

  // --8<-- [start:lock]
  /** Return the titles, or null where the caller has to load them. */
  async valueOrLock(category, token) {
    const [key, lock] = [cacheKey(category), lockKey(category)];
    const giveUp = performance.now() + this.wait;
    for (let pause = 40; performance.now() < giveUp; pause *= pause < 250 ? 1.2 : 1) {
      const known = decode(await this.cache.get(key));
      if (known !== null) return known;
      if (await this.cache.set(lock, token, "PX", this.lockTtl, "NX")) {
        const cached = await this.cache.get(key); // the second look
        const titles = decode(cached);
        if (titles !== null) {
          await this.tellCache(() => this.cache.eval(RELEASE, 1, lock, token));
        } else if (cached !== null) {
          this.stats["corrupt values"] += 1;
          await this.cache.del(key); // or the NX of store would keep it
        }
        return titles;
      }
      await sleep(pause * (0.5 + Math.random())); // jitter: do not poll in step
    }
    return null; // the lock is stuck: load without, as far as there is room
  }
  // --8<-- [end:lock]

  // --8<-- [start:store]
  async store(category, titles) {
    if (!areTitles(titles)) throw new Error(`no titles: ${titles}`); // for no reader
    const [value, ttl] = [JSON.stringify(titles), jitter(3600)];
    await this.cache.set(cacheKey(category), value, "EX", ttl, "NX"); // first wins
  }

  /** Extend our lock for as long as others wait for it. Return its release. */
  hold(category, token) {
    const [lock, until] = [lockKey(category), performance.now() + this.wait];
    const extend = () => this.cache.eval(EXTEND, 1, lock, token, this.lockTtl);
    const timer = setInterval(() => {
      if (performance.now() < until) this.tellCache(extend);
    }, this.lockTtl / 3).unref(); // a process that ends does not stay for it
    return () => {
      clearInterval(timer);
      return this.tellCache(() => this.cache.eval(RELEASE, 1, lock, token));
    };
  }
  // --8<-- [end:store]

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
  let loads = 0;

  const load = async () => {
    loads += 1;
    await sleep(200); // a slow query
    return ["Dune", "Solaris"];
  };

  const books = new Bestsellers(cache, load);
  const answers = await Promise.all(Array.from({ length: 50 }, () => books.get("scifi")));
  console.log(`${answers.length} readers of a cold key, loads: ${loads}`);
  await cache.del(cacheKey("scifi"));
  await cache.set(lockKey("scifi"), "a holder that was killed", "PX", 1000);
  const [title] = await books.get("scifi");
  console.log(`a killed holder's lock: ${title}, loads: ${loads}`);
  console.log(`locks left: ${await cache.exists(lockKey("scifi"))}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
