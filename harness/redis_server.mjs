/** Real redis-server processes for fault tests in Node: started, killed, and always stopped. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";

const stops = new Set();
process.on("exit", () => stops.forEach((stop) => stop()));
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const seenEmpty = {}; // by address: the look at it before anything is flushed

/** Flush a database of a Redis. At the first time all databases must be empty: it may be one that we did not start. */
async function flush(client) {
  const { host, port } = client.options;
  const address = `${host}:${port}`;
  seenEmpty[address] ??= client.info("keyspace").then((info) => {
    const [held] = info.match(/^db\d+:keys=\d+/m) ?? [];
    if (held) throw new Error(`${address} holds keys (${held}); the tests flush it, so they refuse.`);
  });
  await seenEmpty[address];
  await client.flushdb();
}

/** The URL of the Redis that all tests share, with nothing in it. No default: whatever it names is flushed. */
export async function flushed(url = process.env.REDIS_URL) {
  if (!url) throw new Error("Set REDIS_URL to a Redis that may be flushed.");
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  const nodes = client.isCluster ? await primaries(client) : [client];
  await Promise.all(nodes.map(flush)).finally(() => client.disconnect());
  return url;
}

/** The primaries of a cluster, each a client, once they are known. */
async function primaries(cluster) {
  if (cluster.status !== "ready") await once(cluster, "ready");
  return cluster.nodes("master");
}

/** The keys that a Redis holds, or that all primaries of a cluster do. */
export async function keys(client) {
  const nodes = client.isCluster ? await primaries(client) : [client];
  return (await Promise.all(nodes.map((node) => node.keys("*")))).flat();
}

/** The shards of the cluster at this URL, with nothing in them; each a client, closed when the test ends. */
export async function flushedShards(t, url) {
  const cluster = new Redis.Cluster([url]);
  const shards = await primaries(cluster);
  t.after(() => cluster.disconnect());
  await Promise.all(shards.map(flush));
  return shards;
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  await once(probe.close(), "close");
  return port;
}

/** Start a cluster of one node, which serves all slots, on 127.0.0.1 only. */
export async function startCluster() {
  // by default its second port is 10,000 above the first, which may be too high
  const ports = ["--cluster-port", `${await freePort()}`, "--cluster-announce-ip", "127.0.0.1"];
  const server = await startServer("--cluster-enabled", "yes", ...ports);
  const client = new Redis(server.url);
  await client.cluster("ADDSLOTSRANGE", 0, 16383);
  while (!(await client.cluster("INFO")).includes("cluster_state:ok")) await setTimeout(20);
  client.disconnect();
  return server;
}

/** Start a private redis-server without persistence, on 127.0.0.1 only; wait until it answers. */
export async function startServer(...options) {
  const port = await freePort();

  const dir = mkdtempSync(join(tmpdir(), "redis-"));
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...options];
  const place = { cwd: dir, stdio: "ignore" };
  const server = spawn(process.env.REDIS_SERVER ?? "redis-server", args, place);
  const ended = once(server, "exit");
  const kill = async () => server.kill("SIGKILL") && (await ended); // as a crash would: no farewell
  const clean = () => rmSync(dir, { recursive: true, force: true });
  const stop = () => Promise.all([kill(), clean()]); // both at once: no awaiting at process exit
  stops.add(stop);

  const patient = { retryStrategy: () => 20, maxRetriesPerRequest: null, commandTimeout: 10_000 };
  const client = new Redis(port, "127.0.0.1", patient).on("error", () => {}); // it is not up yet
  const failed = ended.then(() => Promise.reject(new Error(`no redis-server on ${port}`)));
  const info = await Promise.race([client.info(), failed]).finally(() => client.disconnect());
  if (!info.includes(`process_id:${server.pid}\r`)) throw new Error(`${port} is another server's`);
  return { url: `redis://127.0.0.1:${port}`, pid: server.pid, kill, stop };
}
