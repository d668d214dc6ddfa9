/** The database that the programs of this page load from: it takes its time, and counts. */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

export function makeBooks(database) {
  const db = new DatabaseSync(database);
  const load = async (category) => {
    await sleep(200);
    load.reads += 1;
    return db.prepare("SELECT title FROM books WHERE category = ?").all(category).map((row) => row.title);
  };
  load.reads = 0;
  load.write = (category, title) => db.prepare("UPDATE books SET title = ? WHERE category = ?").run(title, category);
  return load;
}
