/** What the accepting side of write-behind can be told to do. */
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const [TRIES, PAUSE] = [20, 100]; // ms: a client may need a moment to connect again

export function operations({ Carts, connect }, url, database) {
  const carts = new Carts(connect(url), new DatabaseSync(database));
  const read = async (id) => JSON.stringify(await carts.get(id));
  const write = async (id, pens, request = randomUUID()) => {
    await carts.save(id, { pen: Number(pens) }, request);
  };

  /** Do as the page says: where a write fails, repeat it, the same request. */
  async function repeatAndRead(id, pens) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const accepted = await write(id, pens, "of one caller").then(() => true, () => false);
      if (accepted) break;
      await sleep(PAUSE);
    }
    return read(id);
  }

  return {
    read,
    write,
    "repeat and read": repeatAndRead,
    depth: async () => `${(await carts.depth()).entries}`,
    counts: () => carts.stats,
  };
}
