/** What the connections page claims of ioredis. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, getAll, stat } from "../../../snippets/performance/connections/multiplexed.mjs";
import { flushed } from "../../redis_server.mjs";

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
  for (const client of [connect(url, false), connect(url, true)]) {
    t.after(() => client.disconnect());
    await client.ping();
    const write = t.mock.method(client.stream, "write");
    await getAll(client, keys);
    writes.push(write.mock.callCount());
  }
  assert.deepEqual(writes, [1000, 1]);
});
