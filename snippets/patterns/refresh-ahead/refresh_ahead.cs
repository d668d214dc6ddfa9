#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Refresh-ahead: a read near the end of a key's life starts one refresh in the background, and returns at once.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class RefreshAhead
{
    static readonly TimeSpan Ttl = TimeSpan.FromHours(1), RefreshBelow = Ttl / 4; // its last quarter
    public static readonly TimeSpan LockTtl = TimeSpan.FromSeconds(30); // longer than a load
    const string Release = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
        return 0
        """;

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

    public static string CacheKey(string id) => $"cache:report:{id}"; // differs: reports
    public static string LockKey(string id) => $"lock:report:{id}"; // differs: reports
    static readonly JsonSerializerOptions Json = JsonSerializerOptions.Web;
    public sealed record Report(string Month, long Cents);

    public sealed class Reports(IDatabase cache, Func<string, Task<Report>> load)
    {
        public int Refreshes, FailedRefreshes, CacheErrors;
        public Task Refreshing { get; private set; } = Task.CompletedTask; // the latest, to wait for

        // --8<-- [start:read]
        public async Task<Report> GetAsync(string id)
        {
            var (cached, left) = await TryCacheAsync(() => LookAsync(id));
            if (cached.IsNull) // a cold key: this caller waits
            {
                var report = await load(id);
                await TryCacheAsync(() => StoreAsync(id, report, When.Always));
                return report;
            }
            if (left < RefreshBelow) await StartRefreshAsync(id); // null: never expires
            return JsonSerializer.Deserialize<Report>(cached.ToString(), Json)!;
        }

        /// <summary>Fetch the value and its time left, both of one moment.</summary>
        async Task<(RedisValue Value, TimeSpan? Left)> LookAsync(string id)
        {
            var both = cache.CreateTransaction();
            var value = both.StringGetAsync(CacheKey(id));
            var left = both.KeyTimeToLiveAsync(CacheKey(id));
            await both.ExecuteAsync();
            return (await value, await left);
        }

        Task<bool> StoreAsync(string id, Report report, When when) => cache.StringSetAsync(
            CacheKey(id), JsonSerializer.Serialize(report, Json),
            Ttl * (0.9 + Random.Shared.NextDouble() / 5), when);
        // --8<-- [end:read]

        // --8<-- [start:take]
        async Task StartRefreshAsync(string id)
        {
            RedisKey key = LockKey(id);
            RedisValue token = Guid.NewGuid().ToString();
            var take = () => cache.StringSetAsync(key, token, LockTtl, When.NotExists);
            if (await TryCacheAsync(take)) // NX: one reader of all gets it
                Refreshing = Task.Run(() => RefreshAsync(id, token)); // not awaited
        }
        // --8<-- [end:take]

        // --8<-- [start:refresh]
        async Task RefreshAsync(string id, RedisValue token)
        {
            try
            {
                if ((await LookAsync(id)).Left < RefreshBelow) // still: none came first
                {
                    Interlocked.Increment(ref Refreshes);
                    await StoreAsync(id, await load(id), When.Exists);
                }
                await cache.ScriptEvaluateAsync(Release, [LockKey(id)], [token]);
            }
            catch (Exception e) // readers have the old value; the lock stays
            {
                Interlocked.Increment(ref FailedRefreshes);
                Console.Error.WriteLine($"refresh of report {id}: {e.Message}");
            }
        }
        // --8<-- [end:refresh]

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
        await cache.KeyDeleteAsync([CacheKey("2026-10"), LockKey("2026-10")]); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE orders AS SELECT '2026-10' AS month, 1250 AS cents", db).ExecuteNonQueryAsync();
        var reports = new Reports(cache, async month =>
        {
            await using var query = new SqliteCommand("SELECT sum(cents) FROM orders WHERE month = $month", db);
            query.Parameters.AddWithValue("$month", month);
            return new(month, (long)(await query.ExecuteScalarAsync())!);
        });
        Console.WriteLine($"cold key: {(await reports.GetAsync("2026-10")).Cents}");
        await new SqliteCommand("INSERT INTO orders VALUES ('2026-10', 750)", db).ExecuteNonQueryAsync();
        await cache.KeyExpireAsync(CacheKey("2026-10"), TimeSpan.FromMinutes(10)); // as if 50 minutes had gone by
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => reports.GetAsync("2026-10")));
        await reports.Refreshing;
        Console.WriteLine($"{answers.Length} answers near its end, refreshes: {reports.Refreshes}");
        Console.WriteLine($"after the refresh: {(await reports.GetAsync("2026-10")).Cents}");
    }
}
