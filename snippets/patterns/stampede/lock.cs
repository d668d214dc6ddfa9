#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// One load over all processes: whoever takes the lock loads, the others wait for what that one stores.

using System.Diagnostics;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class StampedeLock
{
    // --8<-- [start:release]
    const string Release = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then
          return redis.call('DEL', KEYS[1])
        end
        return 0
        """;
    // --8<-- [end:release]

    public static async Task<ConnectionMultiplexer> ConnectAsync(string url)
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            AsyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
        });
    }

    public static string CacheKey(string category) => $"cache:bestsellers:{category}";
    public static string LockKey(string category) => $"lock:bestsellers:{category}";
    static string[] Decode(RedisValue json) => JsonSerializer.Deserialize<string[]>(json.ToString())!; // differs: titles
    static TimeSpan Jitter(TimeSpan t) => t * (0.9 + Random.Shared.NextDouble() / 5);

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string[]>> load)
    {
        public TimeSpan LockTtl { get; init; } = TimeSpan.FromSeconds(5);
        public TimeSpan Wait { get; init; } = TimeSpan.FromSeconds(8);
        public int CacheErrors;

        // --8<-- [start:read]
        public async Task<string[]> GetAsync(string category)
        {
            RedisValue token = Guid.NewGuid().ToString(); // ours alone
            var cached = await TryCacheAsync(() => ValueOrLockAsync(category, token));
            if (!cached.IsNull) return Decode(cached);
            try
            {
                var titles = await load(category);
                await TryCacheAsync(() => StoreAsync(category, titles));
                return titles;
            }
            finally { await TryCacheAsync(() => ReleaseAsync(category, token)); }
        }
        // --8<-- [end:read]

        // --8<-- [start:lock]
        /// <summary>Return the value, or null where the caller has to load it.</summary>
        async Task<RedisValue> ValueOrLockAsync(string category, RedisValue token)
        {
            RedisKey key = CacheKey(category), lockKey = LockKey(category);
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < Wait;)
            {
                var cached = await cache.StringGetAsync(key);
                if (!cached.IsNull) return cached;
                if (await cache.StringSetAsync(lockKey, token, LockTtl, When.NotExists))
                {
                    cached = await cache.StringGetAsync(key); // the second look
                    if (!cached.IsNull) await ReleaseAsync(category, token);
                    return cached;
                }
                await Task.Delay(Random.Shared.Next(20, 60)); // do not poll in step
            }
            return RedisValue.Null; // stuck: better a load too many than no answer
        }
        // --8<-- [end:lock]

        // --8<-- [start:store]
        Task<bool> StoreAsync(string category, string[] titles) => cache.StringSetAsync(
            CacheKey(category), JsonSerializer.Serialize(titles),
            Jitter(TimeSpan.FromHours(1)), When.NotExists); // the first one stays

        Task<RedisResult> ReleaseAsync(string category, RedisValue token) =>
            cache.ScriptEvaluateAsync(Release, [LockKey(category)], [token]);
        // --8<-- [end:store]

        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (IsOutage(e))
            {
                Interlocked.Increment(ref CacheErrors);
                return default;
            }
        }

        static bool IsOutage(Exception e) => e is RedisTimeoutException
            or RedisConnectionException && !BadLogin(e) && !e.Message.Contains("hashslot");
        static bool BadLogin(Exception? e) => e is not null && (BadLogin(e.InnerException)
            || e is RedisConnectionException { FailureType: AuthenticationFailure });
    }

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync([CacheKey("scifi"), LockKey("scifi")]); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold", db).ExecuteNonQueryAsync();
        var loads = 0;
        var books = new Bestsellers(cache, async category =>
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(200); // a slow query
            await using var query = new SqliteCommand(
                "SELECT title FROM books WHERE category = $category ORDER BY sold DESC LIMIT 10", db);
            query.Parameters.AddWithValue("$category", category);
            await using var rows = await query.ExecuteReaderAsync();
            var titles = new List<string>();
            while (await rows.ReadAsync()) titles.Add(rows.GetString(0));
            return [.. titles];
        });
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")));
        Console.WriteLine($"{answers.Length} readers of a cold key, loads: {loads}");
        await cache.KeyDeleteAsync(CacheKey("scifi"));
        await cache.StringSetAsync(LockKey("scifi"), "a holder that was killed", TimeSpan.FromSeconds(1));
        Console.WriteLine($"a killed holder's lock: {(await books.GetAsync("scifi"))[0]}, loads: {loads}");
        Console.WriteLine($"locks left: {await cache.KeyExistsAsync([LockKey("scifi")])}");
    }
}
