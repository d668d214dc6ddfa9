// npm install ioredis@6.0.0
// Write-behind, the dead letter: set entries aside that were delivered again and again and never acknowledged.

import { basename } from "node:path";
import { Redis } from "ioredis";

const [STREAM, DEAD, GROUP] = ["stream:carts", "stream:carts:dead", "writers"];

// --8<-- [start:bury]
export const MAX_DELIVERIES = 5;
const IDLE_MS = 60_000; // longer than any worker takes: nobody holds the entry now

const BURY = `
local idle, buried = {'IDLE', ARGV[2], '-', '+', 100}, 0
for _, held in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], unpack(idle))) do
  local id, deliveries = held[1], held[4]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry and deliveries >= tonumber(ARGV[3]) then
    redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(entry[2]))
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
    buried = buried + 1
  end
end
return buried
`;

/** Run it every minute, and alert on what it returns: how many were buried. */
export const bury = (cache, idleMs = IDLE_MS) =>
  cache.eval(BURY, 2, STREAM, DEAD, GROUP, idleMs, MAX_DELIVERIES);
// --8<-- [end:bury]

async function main() {
  const cache = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
  await cache.del(STREAM, DEAD); // left by an earlier run
  await cache.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  await cache.xadd(STREAM, "1-0", "id", "1", "data", "no JSON");
  await cache.xadd(STREAM, "2-0", "id", "2", "data", '{"pen":1}');
  await cache.xreadgroup("GROUP", GROUP, "worker", "STREAMS", STREAM, ">");
  for (let delivery = 2; delivery < 6; delivery += 1) {
    await cache.xack(STREAM, GROUP, "2-0"); // the database takes it, and refuses the first
    await cache.xautoclaim(STREAM, GROUP, "worker", 0, "0-0");
    console.log(`delivery ${delivery}, buried: ${await bury(cache, 0)}`);
  }
  for (const [, fields] of await cache.xrange(DEAD, "-", "+"))
    console.log(`dead letter: ${fields.filter((_, i) => i % 2).join(" ")}`);
  console.log(`still pending: ${(await cache.xpending(STREAM, GROUP))[0]}`);
  await cache.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
