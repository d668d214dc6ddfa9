/** What the one client can be told to do. */
import { again } from "../again.mjs";

export function operations({ connect }, url) {
  const client = connect(url);
  const read = () => client.get("demo:greeting:1");
  const write = async (value) => void (await client.set("demo:greeting:1", value, "EX", 60));
  return { read, write, again: again(write, read), counts: () => ({}) };
}
