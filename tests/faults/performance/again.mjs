/** What programs that only make a client are held to when a condition is over. */
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 10_000; // ms

/** Return what writes and reads until both are answered: the client finds Redis by itself. */
export const again = (write, read) => async (...given) => {
  for (const end = performance.now() + PATIENCE; ; ) {
    try {
      await write(...given);
      return await read();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(100);
    }
  }
};
