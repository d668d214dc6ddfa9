// npm install ioredis@6.0.0
// Connect to Azure Managed Redis: TLS on port 10000, a cluster client, an access key from the environment.

import { once } from "node:events";
import { basename } from "node:path";
import { Cluster, Redis } from "ioredis";

// --8<-- [start:connect]
/** Make the one client of the process. `ca`: for a certificate of your own. */
export async function connect( // differs: TLS, a key, perhaps a cluster
  url, { key, cluster = true, ca } = {},
) {
  const { protocol, username, password, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, ""); // of an IPv6 address
  const options = {
    // each node announces an address, but the certificate is for the name
    tls: protocol === "rediss:" ? { servername: host, ca } : undefined,
    username: decodeURIComponent(username) || undefined,
    password: key ?? (decodeURIComponent(password) || undefined),
    connectTimeout: 5000,
    commandTimeout: 500,
    socketTimeout: 500, // leaves a node that hangs, and asks for its replica
    maxRetriesPerRequest: 1, // INCR too
    reconnectOnError: ({ message }) => message.startsWith("READONLY"), // a replica
  };
  const node = { host, port: Number(port) || 10000 };
  const queue = { enableOfflineQueue: false }; // else commands wait there for ever
  const again = { clusterRetryStrategy: retry, maxRedirections: 2 };
  const client = cluster
    ? new Cluster([node], { redisOptions: options, ...again, ...queue })
    : new Redis({ ...node, ...options, retryStrategy: retry, ...queue });
  client.on("error", (error) => console.error(error.message));
  await once(client, "ready").catch(() => {}); // Redis is down: start, go on trying
  return client;
}

const jitter = () => 0.5 + Math.random() / 2; // differs: of a pause
const retry = (times) => Math.min(2 ** times * 25, 1000) * jitter(); // ms
// --8<-- [end:connect]

async function main() {
  // rediss://NAME.REGION.redis.azure.net:10000, and its access key
  const azure = process.env.AZURE_REDIS_URL;
  const client = azure
    ? await connect(azure, { key: process.env.AZURE_REDIS_KEY })
    : await connect(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", { cluster: false });
  await client.set("demo:azure", "hello", "EX", 60);
  console.log(`read back: ${await client.get("demo:azure")}`);
  await client.quit();
}

if (basename(process.argv[1] ?? "") === basename(import.meta.filename)) await main();
