/** What cache-aside can be told to do. */
import { DatabaseSync } from "node:sqlite";

export function operations({ Users, connect }, url, database) {
  const users = new Users(connect(url), new DatabaseSync(database));
  return {
    read: async (id) => (await users.get(id))?.name ?? null,
    write: (id, name) => users.save({ id, name, email: "ada@example.com" }),
    counts: () => users.stats,
  };
}
