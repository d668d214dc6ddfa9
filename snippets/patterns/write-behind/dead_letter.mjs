// npm install ioredis@6.0.0
// Write-behind, the dead letter: set entries aside that were tried again and again and never acknowledged.

import { basename } from "node:path";
import { Redis } from "ioredis";

const [STREAM, DEAD, GROUP] = ["stream:carts", "stream:carts:dead", "writers"];

// --8<-- [start:bury]
export const MAX_DELIVERIES = 5; // what has had so many, no worker claims any more,
const IDLE_MS = 60_000; // so nobody holds it after a time longer than any takes

const BURY = `
local idle = {'IDLE', ARGV[2], '-', '+', 1000}
local held = redis.pcall('XPENDING', KEYS[1], ARGV[1], unpack(idle))
if held.err and not held.err:find('^NOGROUP') then return held end  -- a flush
for _, entry in ipairs(held) do
  local id, deliveries = entry[1], entry[4]
  if deliveries >= tonumber(ARGV[3]) then
    local found = redis.call('XRANGE', KEYS[1], id, id)[1]  -- or it was trimmed
    if found then
      redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(found[2]))
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  end
end
return redis.call('XLEN', KEYS[2])
`;

/** Run it every minute, and alert on what it returns: how many lie there. */
export const bury = (cache, idleMs = IDLE_MS) =>
  cache.eval(BURY, 2, STREAM, DEAD, GROUP, idleMs, MAX_DELIVERIES);
// --8<-- [end:bury]

export function connect(url) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    // a client that nobody uses knocks once a second, not twenty times
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  });
  // without a listener ioredis prints the whole stack of each failed connection
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}

async function main() {
  const cache = connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
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
