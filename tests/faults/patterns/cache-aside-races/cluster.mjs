/** What cache-aside on a cluster can be told to do. */
import { DatabaseSync } from "node:sqlite";

export async function operations({ Users, connect }, url, database) {
  const users = new Users(await connect(url), new DatabaseSync(database));
  return {
    read: async (id) => (await users.get(id))?.name ?? null,
    counts: () => users.stats,
  };
}
