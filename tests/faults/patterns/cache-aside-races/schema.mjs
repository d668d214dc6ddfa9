/** What the newer of two releases can be told to do. */
import { DatabaseSync } from "node:sqlite";

export function operations({ Users, connect, NEW }, url, database) {
  const users = new Users(connect(url), new DatabaseSync(database), NEW);
  return {
    read: async (id) => (await users.get(id))?.name ?? null,
    write: (id, name) => users.rename(id, name),
    counts: () => users.stats,
  };
}
