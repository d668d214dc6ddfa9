/** What the dead letter of write-behind can be told to do. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const [TRIES, PAUSE] = [20, 100]; // ms: a client may need a moment to connect again
const [STREAM, GROUP, MINUTE] = ["stream:carts", "writers", 60_000]; // ms; how long nobody has had the entry

export function operations({ bury, connect }, url) {
  const cache = connect(url);

  /** Leave an entry that was delivered five times, the last time a minute ago. Answers how many entries there are. */
  async function poison(before = async () => {}) {
    const admin = new Redis(url);
    try {
      const entry = await admin.xadd(STREAM, "*", "id", "1", "data", "no JSON");
      const groups = await admin.xinfo("GROUPS", STREAM);
      if (!groups.length) await admin.xgroup("CREATE", STREAM, GROUP, "0");
      await admin.xreadgroup("GROUP", GROUP, "worker", "STREAMS", STREAM, ">");
      await admin.xclaim(STREAM, GROUP, "worker", 0, entry, "IDLE", MINUTE, "RETRYCOUNT", 5, "JUSTID");
      await before();
      return `${await admin.xlen(STREAM)}`;
    } finally {
      admin.disconnect();
    }
  }

  return {
    poison: async () => void (await poison()),
    bury: async () => `${await bury(cache)}`,
    "poison and bury": () => poison(async () => {
      for (let tries = 0; tries < TRIES; tries += 1) { // the job runs again and again
        const buried = await bury(cache).then(() => true, () => false);
        if (buried) break;
        await sleep(PAUSE);
      }
    }),
    counts: () => ({}),
  };
}
