/** What refresh-ahead can be told to do. */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

export function operations({ Reports, cacheKey, connect }, url, database) {
  const db = new DatabaseSync(database);
  let reads = 0;
  const load = async (month) => {
    await sleep(200);
    reads += 1;
    return { month, cents: db.prepare("SELECT cents FROM orders WHERE month = ?").get(month).cents };
  };
  const reports = new Reports(connect(url), load);
  const read = async (month) => `${(await reports.get(month)).cents}`;
  return {
    read,
    prepare: async (fresh, old) => { // two reports, one near its end
      await read(fresh);
      await read(old);
      await reports.cache.expire(cacheKey(old), 600);
    },
    counts: async () => {
      await reports.refreshing; // the refresh goes on after the answer
      return { ...reports.stats, "database reads": reads };
    },
  };
}
