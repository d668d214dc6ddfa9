/**
 * Give Node programs the cluster's client in place of the plain one, where they connect to the cluster of the tests. It
 * is the one change that a reader makes for a cluster. Node runs this file first: NODE_OPTIONS=--import=…. Whoever then
 * imports ioredis gets this module.
 */
import ioredis from "ioredis";
import { registerHooks } from "node:module";

const url = process.env.REDIS_CLUSTER_OF_TESTS;

export const Redis = new Proxy(ioredis.Redis, {
  construct(plain, given, target) {
    const [address, options = {}] = given;
    if (address !== url) return Reflect.construct(plain, given, target);
    const { retryStrategy, enableOfflineQueue, lazyConnect, ...redisOptions } = options;
    const whole = { clusterRetryStrategy: retryStrategy, enableOfflineQueue, lazyConnect };
    const said = Object.entries(whole).filter(([, value]) => value !== undefined);
    return new ioredis.Cluster([address], { ...Object.fromEntries(said), redisOptions });
  },
});
export const { Cluster } = ioredis;

registerHooks({
  resolve: (name, context, next) =>
    name === "ioredis" ? { url: import.meta.url, shortCircuit: true } : next(name, context),
});
