/** What the connections page claims of ioredis. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { globSync } from "node:fs";
import { connect as open, createServer } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

import { Users } from "../../../snippets/patterns/cache-aside/cache_aside.mjs";
import { connect, getAll, stat } from "../../../snippets/performance/connections/multiplexed.mjs";
import { flushed, startServer } from "../../../harness/redis_server.mjs";

/** A proxy that loses the first reply to INCR: Redis counts, and the client never hears of it. */
async function lossy(t, url) {
  let lost = false;
  const proxy = createServer((near) => {
    const far = open(new URL(url).port, "127.0.0.1");
    let losing = false;
    near.on("data", (data) => {
      losing = !lost && /\r\nincr\r\n/i.test(data);
      lost ||= losing;
      far.write(data);
    });
    far.on("data", (data) => (losing ? near.destroy() : near.write(data)));
    near.on("close", () => far.destroy());
    for (const end of [near, far]) end.on("error", () => end.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  return `redis://127.0.0.1:${proxy.address().port}`;
}

const keys = Array.from({ length: 1000 }, (_, id) => `demo:greeting:${id}`);

test("hundred_parallel_gets_of_ioredis_use_one_connection", async (t) => {
  const client = connect(await flushed());
  t.after(() => client.disconnect());
  await client.mset(keys.flatMap((key) => [key, "hello"]));
  const before = await stat(client, "total_connections_received");
  const answers = await getAll(client, keys.slice(0, 100));
  assert.deepEqual(answers, Array(100).fill("hello"));
  assert.equal(await stat(client, "total_connections_received"), before);
});

test("auto_pipelining_sends_what_one_turn_asks_for_in_one_write", async (t) => {
  const url = await flushed();
  const writes = [];
  for (const client of [connect(url), connect(url, { enableAutoPipelining: true })]) {
    t.after(() => client.disconnect());
    await client.ping();
    const write = t.mock.method(client.stream, "write");
    await getAll(client, keys);
    writes.push(write.mock.callCount());
  }
  assert.deepEqual(writes, [1000, 1]);
});

test("one_client_fits_cache_aside", { timeout: 20_000 }, async (t) => {
  t.mock.method(console, "error", () => {}); // the client says what it meets
  const server = await startServer();
  t.after(server.stop);
  const client = connect(server.url);
  t.after(() => client.disconnect());
  await client.ping();
  await server.kill();
  const db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)");
  db.exec("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')");
  const users = new Users(client, db);
  assert.equal((await users.get("1")).name, "Ada");
  await users.save({ id: "1", name: "Grace", email: "grace@example.com" });
  assert.equal((await users.get("1")).name, "Grace");
  assert.equal(users.stats["cache errors"], 5);
});

/** A place where each who knocks is sent away at once. */
async function door(t) {
  const knocks = [];
  const closed = createServer((socket) => knocks.push(Date.now()) && socket.destroy()).listen(0, "127.0.0.1");
  await once(closed, "listening");
  t.after(() => closed.close());
  return { url: `redis://127.0.0.1:${closed.address().port}`, knocks };
}

test("idle_client_knocks_a_few_times_a_second_at_most", { timeout: 30_000 }, async (t) => {
  t.mock.method(console, "error", () => {}); // each failed attempt says so
  const root = new URL("../../../snippets/", import.meta.url);
  const doors = {};
  for (const file of globSync("**/*.mjs", { cwd: root })) {
    const program = await import(new URL(file, root));
    if (!program.connect) continue;
    doors[file] = await door(t);
    const client = program.connect(doors[file].url); // not awaited: some are a promise, kept while they try
    t.after(async () => (await client).disconnect());
  }
  assert.ok(Object.keys(doors).length > 5);
  await sleep(10_000);
  for (const [file, { knocks }] of Object.entries(doors))
    assert.ok(knocks.length > 5 && knocks.length <= 26, `${file}: ${knocks.length} attempts in 10 s`);
});

test("ioredis_counts_one_incr_again", { timeout: 20_000 }, async (t) => {
  const url = await flushed();
  const plain = connect(url);
  t.after(() => plain.disconnect());
  for (const [resend, told] of [[true, 2], [false, "error"]]) { // prettier-ignore
    const client = connect(await lossy(t, url), { resend });
    t.after(() => client.disconnect());
    await client.ping();
    assert.equal(await client.incr(`counter:${resend}`).catch(() => "error"), told);
  }
  assert.deepEqual(await plain.mget("counter:true", "counter:false"), ["2", "1"]);
});

test("ioredis_tries_a_command_on_twenty_more_connections_by_default", async (t) => {
  const tries = [];
  const retryStrategy = (times) => tries.push(times) && 1;
  const client = new Redis({ host: "127.0.0.1", port: 1, retryStrategy });
  t.after(() => client.disconnect());
  client.on("error", () => {}); // nothing listens there
  await assert.rejects(client.get("demo:greeting:1"), /max retries per request limit \(which is 20\)/);
  assert.ok(tries.length >= 20);
});
