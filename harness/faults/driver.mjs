/** Drive a program in Node.js from outside, as harness/faults/driver.py does one in Python. */
import { createInterface } from "node:readline";

const root = new URL("../../", import.meta.url);
const [example, url, database] = process.argv.slice(2);

/** What a call answered or raised, and the seconds that it took. */
async function outcome(operation, given) {
  const started = performance.now();
  const found = await operation(...given).then(
    (gets) => ({ gets: gets ?? null }),
    (error) => ({ raises: `${error.name}: ${error.message}` }),
  );
  return { ...found, seconds: (performance.now() - started) / 1000 };
}

const program = await import(new URL(`snippets/${example}.mjs`, root));
const adapter = await import(new URL(`tests/faults/${example}.mjs`, root));
const operations = await adapter.operations(program, url, database);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

say({ ready: Object.keys(operations).sort() });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const calls = Array.from({ length: asked.callers }, () => outcome(operations[asked.do], asked.with));
  const found = await Promise.all(calls);
  say({ found, counts: await operations.counts() });
}
process.exit(); // whatever the program keeps open
