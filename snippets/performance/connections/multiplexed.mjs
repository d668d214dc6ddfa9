// npm install ioredis@6.0.0
// One ioredis client for the process: it has no pool, all callers' commands go down one connection.

import { basename } from "node:path";
import { Redis } from "ioredis";

// --8<-- [start:connect]
/** Make the one client of the process. Times in milliseconds. */
export function connect( // differs: keeps alive, and pipelines if you ask
  url, { enableAutoPipelining = false, resend = true } = {},
) {
  const client = new Redis(url, {
    connectTimeout: 500,
    commandTimeout: 500,
    maxRetriesPerRequest: 1, // its default is 20
    // a client that nobody uses knocks once a second, not twenty times
    retryStrategy: (n) => Math.min(2 ** n * 25, 1000) * (0.5 + Math.random() / 2),
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
    autoResendUnfulfilledCommands: resend, // INCR too; false where you count
    keepAlive: 60_000,
    enableAutoPipelining, // what one turn of the event loop sends goes as one write
  });
  client.on("error", (error) => console.error(error.code ?? error.message));
  return client;
}
// --8<-- [end:connect]

// --8<-- [start:parallel]
/** Send all commands, then await all replies: they are in flight together. */
export const getAll = (client, keys) =>
  Promise.all(keys.map((key) => client.get(key)));

/** A counter of the server, for example `total_connections_received`. */
export async function stat(client, name) {
  const stats = await client.info("stats");
  return Number(stats.match(new RegExp(`^${name}:(\\d+)`, "m"))[1]);
}
// --8<-- [end:parallel]

async function main() {
  const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
  const client = connect(url);
  const keys = Array.from({ length: 100 }, (_, id) => `demo:greeting:${id}`);
  for (const key of keys) await client.set(key, "hello", "EX", 60);

  const before = await stat(client, "total_connections_received");
  const answers = await getAll(client, keys);
  console.log(`answers: ${answers.filter((answer) => answer === "hello").length}`);
  console.log(`new connections: ${(await stat(client, "total_connections_received")) - before}`);
  await client.quit();

  const batching = connect(url, { enableAutoPipelining: true });
  await batching.ping();
  const readsBefore = await stat(batching, "total_reads_processed");
  await getAll(batching, keys);
  const reads = (await stat(batching, "total_reads_processed")) - readsBefore;
  console.log(`with auto-pipelining, reads of the server: ${reads < 10 ? "fewer than 10" : reads}`);
  await batching.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
