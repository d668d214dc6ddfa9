/** The other callers, whom the tests of the starter and of the solution play. */

/** Another caller stores its list just before the next one asks for the lock. */
export function overtake(cache) {
  const ask = cache.set.bind(cache);
  cache.set = async (key, ...rest) => {
    if (key.startsWith("lock:")) await ask("cache:toplist:books", "theirs", "EX", 60);
    return ask(key, ...rest);
  };
}

/** A query that outlasts its caller's lock: meanwhile another caller takes it. */
export async function loseLock(category, cache) {
  await cache.set(`lock:toplist:${category}`, "theirs", "PX", 10_000);
  return "ours";
}
