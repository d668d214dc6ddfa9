/** What the client for Azure can be told to do. */
import { Redis } from "ioredis";
import { again } from "../again.mjs";

/** Whether a Redis is one of a cluster. */
async function inCluster(url) {
  const client = new Redis(url);
  const info = await client.info("cluster");
  client.disconnect();
  return info.includes("cluster_enabled:1");
}

export async function operations({ connect }, url) {
  const client = await connect(url, { cluster: await inCluster(url) });
  const read = () => client.get("demo:greeting:1");
  const write = async (value) => void (await client.set("demo:greeting:1", value, "EX", 60));
  return { read, write, again: again(write, read), counts: () => ({}) };
}
