/** What the connections page claims of ioredis. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as open, createServer } from "node:net";
import { test } from "node:test";
import { Redis } from "ioredis";

import { connect, getAll, stat } from "../../../snippets/performance/connections/multiplexed.mjs";
import { flushed } from "../../../harness/redis_server.mjs";

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
