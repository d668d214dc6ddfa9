#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Refresh-ahead: a read near the end of a key's life starts one refresh in the background, and returns at once.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

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

    public static string CacheKey(string id) => $"cache:report:{id}"; // differs: reports
    public static string LockKey(string id) => $"lock:report:{id}"; // differs: reports
    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    public sealed record Report(string Month, long Cents);

    /// <summary>The report in a cached value, or null: what is stored is input.</summary>
    static Report? Decode(RedisValue json) // differs: a report
    {
        try { return JsonSerializer.Deserialize<Report>(json.ToString(), Json); }
        catch (JsonException) { return null; } // nothing, or no JSON, or no report
    }

    enum Kind { Away, Refused, Mistake }

    /// <summary>What an error of Redis or its client means to us.</summary>
    static Kind KindOf(Exception e) => new FaultContext(e).ErrorKind switch
    {
        OutOfMemory or Misconfigured or NoReplicas => Kind.Refused, // it serves reads
        ConnectionFault when BadLogin(e) || e.Message.Contains("hashslot") // a MOVED
            => Kind.Mistake, // waiting mends no password, and finds no other shard
        ConnectionFault or RedisErrorKind.Timeout or Loading or MaxClients
            or ReadOnly or ClusterDown or MasterDown or TryAgain or Busy => Kind.Away,
        _ => Kind.Mistake, // WRONGTYPE, NOPERM, a bug of ours
    };

    static bool BadLogin(Exception? e) => e is RedisConnectionException known
        && known.FailureType is ConnectionFailureType.AuthenticationFailure
        || e is not null && BadLogin(e.InnerException);

    public sealed class Reports(IDatabase cache, Func<string, Task<Report>> load)
    {
        public int Refreshes, FailedRefreshes, CacheErrors, RefusedWrites, Mistakes, CorruptValues;
        public Task Refreshing { get; private set; } = Task.CompletedTask; // the latest, to wait for

        // --8<-- [start:read]
        public async Task<Report> GetAsync(string id)
        {
            var (cached, left) = await TryCacheAsync(() => LookAsync(id));
            if (Decode(cached) is not { } known) // a cold key: this caller waits
            {
                if (!cached.IsNull) Interlocked.Increment(ref CorruptValues);
                var report = await load(id);
                await TellCacheAsync(() => StoreAsync(id, report, When.Always));
                return report;
            }
            if (left < RefreshBelow) // null: never expires
                await TellCacheAsync(() => StartRefreshAsync(id));
            return known;
        }

        /// <summary>Fetch the value and its time left, both of one moment.</summary>
        async Task<(RedisValue Value, TimeSpan? Left)> LookAsync(string id)
        {
            var both = cache.CreateTransaction();
            var value = both.StringGetAsync(CacheKey(id));
            var left = both.KeyTimeToLiveAsync(CacheKey(id));
            try { await both.ExecuteAsync(); }
            catch (RedisServerException) // discarded, and does not say why: GET does
            {
                return (await cache.StringGetAsync(CacheKey(id)), null);
            }
            return (await value, await left);
        }
        // --8<-- [end:read]

        Task<bool> StoreAsync(string id, Report report, When when) => cache.StringSetAsync(
            CacheKey(id), JsonSerializer.Serialize(report, Json),
            Ttl * (0.9 + Random.Shared.NextDouble() / 5), when);

        // --8<-- [start:take]
        async Task StartRefreshAsync(string id)
        {
            RedisKey key = LockKey(id);
            RedisValue token = Guid.NewGuid().ToString();
            if (await cache.StringSetAsync(key, token, LockTtl, When.NotExists)) // one
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
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

        async Task TellCacheAsync(Func<Task> command)
        {
            try { await command(); }
            catch (Exception e)
            {
                if (Counted(e) is Kind.Mistake) Console.Error.WriteLine(e); // be loud
            }
        }

        Kind Counted(Exception e)
        {
            var kind = KindOf(e);
            ref var count = ref kind == Kind.Away ? ref CacheErrors
                : ref kind == Kind.Refused ? ref RefusedWrites : ref Mistakes;
            Interlocked.Increment(ref count);
            return kind;
        }
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
