/** What the connections page claims of its connection to Azure Managed Redis, on a server like it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "ioredis";

import { Users } from "../../../snippets/patterns/cache-aside/cache_aside.mjs";
import { connect } from "../../../snippets/performance/connections/azure.mjs";
import { startServer } from "../../../harness/redis_server.mjs";

const { REDIS_TLS_URL, REDIS_TLS_WRONG_NAME, REDIS_TLS_KEY: key } = process.env;
const ca = readFileSync(process.env.REDIS_TLS_CA);

/** What keeps this client from its server: a cluster client does not say, so ask for one that does. */
async function refusal(t, url, options) {
  const client = await connect(url, options);
  t.after(() => client.disconnect());
  await assert.rejects(client.get("demo:azure"), /isn't ready|closed/);
  client.disconnect(); // now, or its next tries would be heard below
  const single = connect(url, { ...options, cluster: false }); // not awaited: its first error counts
  t.after(async () => (await single).disconnect());
  return new Promise((resolve) => {
    t.mock.method(console, "error", resolve);
  });
}

test("connects_over_tls_to_a_cluster_by_its_name", async (t) => {
  const client = await connect(REDIS_TLS_URL, { key, ca });
  t.after(() => client.disconnect());
  for (let number = 0; number < 20; number++)
    assert.equal(await client.set(`demo:azure:${number}`, "hello", "EX", 60), "OK");
  assert.equal(await client.get("demo:azure:7"), "hello");
  assert.match(JSON.stringify(await client.cluster("SLOTS")), /127\.0\.0\.1/); // the certificate lacks it
});

test("url_without_a_port_means_10000_and_its_login_counts", { timeout: 20_000 }, async (t) => {
  t.mock.method(console, "error", () => {}); // nothing listens there
  const single = await connect("redis://ada:s%40crt@[::1]", { cluster: false });
  t.after(() => single.disconnect());
  const { host, port, username, password } = single.options;
  assert.deepEqual({ host, port, username, password }, { host: "::1", port: 10000, username: "ada", password: "s@crt" });
  const client = await connect(REDIS_TLS_URL.replace("//", `//:${key}@`), { ca });
  t.after(() => client.disconnect());
  assert.equal(await client.ping(), "PONG");
});

test("certificate_for_another_name_is_refused", { timeout: 20_000 }, async (t) => {
  assert.match(await refusal(t, REDIS_TLS_WRONG_NAME, { key, ca }), /does not match certificate/);
});

test("unknown_authority_is_refused", { timeout: 20_000 }, async (t) => {
  assert.match(await refusal(t, REDIS_TLS_URL, { key }), /certificate/);
});

test("wrong_access_key_is_refused", { timeout: 20_000 }, async (t) => {
  assert.match(await refusal(t, REDIS_TLS_URL, { key: "wrong", ca }), /WRONGPASS/);
});

test("command_without_a_cluster_fails_at_once", { timeout: 20_000 }, async (t) => {
  const client = await connect("rediss://localhost:1", { key });
  t.after(() => client.disconnect());
  const started = performance.now();
  await assert.rejects(client.get("demo:azure"));
  assert.ok(performance.now() - started < 2000);
});

test("azure_client_fits_cache_aside", { timeout: 20_000 }, async (t) => {
  t.mock.method(console, "error", () => {}); // the client says what it meets
  const server = await startServer();
  t.after(server.stop);
  const killed = await connect(server.url, { cluster: false });
  const nobody = await connect("redis://127.0.0.1:1"); // where a cluster should be
  t.after(() => [killed, nobody].forEach((client) => client.disconnect()));
  await server.kill();
  for (const client of [killed, nobody]) {
    const db = new DatabaseSync(":memory:");
    db.exec("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)");
    db.exec("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')");
    const users = new Users(client, db);
    assert.equal((await users.get("1")).name, "Ada");
    await users.save({ id: "1", name: "Grace", email: "grace@example.com" });
    assert.equal((await users.get("1")).name, "Grace");
    assert.equal(users.stats["cache errors"], 5);
  }
});

test("default_cluster_client_waits_beyond_its_timeout", { timeout: 20_000 }, async (t) => {
  const redisOptions = { commandTimeout: 100, maxRetriesPerRequest: 1 };
  const client = new Cluster([{ host: "127.0.0.1", port: 1 }], { redisOptions });
  client.on("error", () => {}); // no slots to be had
  t.after(() => client.disconnect());
  const answer = client.get("demo:azure").then(() => "answered", () => "failed");
  assert.equal(await Promise.race([answer, sleep(2000, "waits")]), "waits");
});
