#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Exercise, solved: of all callers that miss together, one loads; its lock is released by nobody else.

using StackExchange.Redis;

static class Solution
{
    static readonly TimeSpan Ttl = TimeSpan.FromMinutes(1);
    static readonly TimeSpan LockFor = TimeSpan.FromSeconds(2); // longer than the query; a dead caller's lock expires
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50); // between two looks of a caller that waits

    public static async Task<ConnectionMultiplexer> ConnectAsync(string url)
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            DefaultDatabase = int.TryParse(uri.LocalPath.Trim('/'), out var n) ? n : 0,
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false, // start without Redis, and go on trying
            ConnectTimeout = 500,
            SyncTimeout = 500, // of the backlog too
            AsyncTimeout = 500, // noticed only at a heartbeat, so make it beat often
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast, // no connection: fail at once
            // a push that announces maintenance would stretch the timeouts
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }

    public static string CacheKey(string category) => $"cache:toplist:{category}"; // differs: the exercise's
    public static string LockKey(string category) => $"lock:toplist:{category}"; // differs: the exercise's

    // --8<-- [start:release]
    const string Release = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then
          return redis.call('DEL', KEYS[1])
        end
        return 0
        """;
    // --8<-- [end:release]

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string>> query)
    {
        int loads;

        public int DatabaseLoads => loads;

        // --8<-- [start:get]
        public async Task<string> GetAsync(string category)
        {
            var (key, token) = (LockKey(category), Guid.NewGuid().ToString());
            while (true)
            {
                var cached = await cache.StringGetAsync(CacheKey(category));
                if (!cached.IsNull) return cached!;
                if (await cache.StringSetAsync(key, token, LockFor, When.NotExists))
                    break;
                await Task.Delay(Pause); // another loads; or its lock will expire
            }
            try
            {
                var cached = await cache.StringGetAsync(CacheKey(category)); // again
                return cached.IsNull ? await LoadAsync(category) : cached!;
            }
            finally
            {
                await cache.ScriptEvaluateAsync(Release, [key], [token]);
            }
        }
        // --8<-- [end:get]

        async Task<string> LoadAsync(string category)
        {
            Interlocked.Increment(ref loads);
            var value = await query(category);
            await cache.StringSetAsync(CacheKey(category), value, Ttl);
            return value;
        }
    }

    // Stands for a query over all orders, which takes its time.
    static async Task<string> Report(string category)
    {
        await Task.Delay(500);
        return $"the best of {category}";
    }

    static async Task Main(string[] categories)
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var cache = redis.GetDatabase();
        var shop = new Bestsellers(cache, Report);
        foreach (var category in categories) // a single caller, as the checks start it
            Console.WriteLine($"{category}: {await shop.GetAsync(category)}, database loads: {shop.DatabaseLoads}");
        if (categories.Length > 0) return;

        foreach (var category in new[] { "books", "games" }) // left by an earlier run
            await cache.KeyDeleteAsync([CacheKey(category), LockKey(category)]);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => shop.GetAsync("books")));
        Console.WriteLine($"database loads for 8 callers at once: {shop.DatabaseLoads}");

        async Task<string> SlowReport(string category)
        {
            // so slow that its caller's lock expires, and another caller takes the lock
            await cache.StringSetAsync(LockKey(category), "another caller", LockFor);
            return await Report(category);
        }
        await new Bestsellers(cache, SlowReport).GetAsync("games");
        var kept = await cache.KeyExistsAsync(LockKey("games"));
        Console.WriteLine($"lock of another caller: {(kept ? "kept" : "deleted")}");
        await cache.KeyDeleteAsync(LockKey("games"));
    }
}
