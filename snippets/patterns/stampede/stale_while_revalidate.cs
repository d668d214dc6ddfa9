#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Stale while revalidate: past its soft expiry a value is still served, while one reader has it loaded anew.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class StaleWhileRevalidate
{
    const int Fresh = 60; // seconds until a new value is wanted: the soft expiry, in the value
    public static readonly TimeSpan Ttl = TimeSpan.FromMinutes(6); // the hard one, on the key
    public static readonly TimeSpan LockTtl = TimeSpan.FromSeconds(10); // longer than a load
    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
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

    public static string CacheKey(string category) => $"cache:soft:bestsellers:{category}"; // differs: an entry
    public static string LockKey(string category) => $"lock:soft:bestsellers:{category}"; // differs: an entry
    public sealed record Entry(string[] Value, long FreshUntil);

    /// <summary>The titles and their soft expiry, or null: what is stored is input.</summary>
    static Entry? Decode(RedisValue json) // differs: an entry
    {
        try
        {
            var entry = JsonSerializer.Deserialize<Entry>(json.ToString(), Json);
            return entry?.Value.All(title => title is not null) is true ? entry : null;
        }
        catch (JsonException) { return null; } // nothing, or no JSON, or no entry
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

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string[]>> load)
    {
        public Func<long> Now { get; init; } = () => DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        public int Refreshes, FailedRefreshes, CacheErrors, RefusedWrites, Mistakes, CorruptValues;
        public Task Refreshing { get; private set; } = Task.CompletedTask; // the latest, to wait for

        // --8<-- [start:read]
        public async Task<string[]> GetAsync(string category)
        {
            var key = CacheKey(category);
            var cached = await TryCacheAsync(() => cache.StringGetAsync(key));
            if (Decode(cached) is not { } entry) // nothing to serve: this caller waits
            {
                if (!cached.IsNull) Interlocked.Increment(ref CorruptValues);
                var titles = await load(category);
                await TellCacheAsync(() => StoreAsync(category, titles, When.Always));
                return titles;
            }
            if (entry.FreshUntil <= Now())
                await TellCacheAsync(() => StartRefreshAsync(category));
            return entry.Value; // fresh or not, at once
        }

        Task<bool> StoreAsync(string category, string[] titles, When when) =>
            cache.StringSetAsync(CacheKey(category), JsonSerializer.Serialize(
                new Entry(titles, Now() + Fresh), Json), Ttl, when);
        // --8<-- [end:read]

        // --8<-- [start:refresh]
        async Task StartRefreshAsync(string category)
        {
            RedisKey key = LockKey(category);
            RedisValue token = Guid.NewGuid().ToString();
            if (await cache.StringSetAsync(key, token, LockTtl, When.NotExists)) // one
                Refreshing = Task.Run(() => RefreshAsync(category, token)); // not awaited
        }

        async Task RefreshAsync(string category, RedisValue token)
        {
            try
            {
                var cached = await cache.StringGetAsync(CacheKey(category));
                if (Decode(cached)?.FreshUntil <= Now()) // still: none came first
                {
                    Interlocked.Increment(ref Refreshes);
                    await StoreAsync(category, await load(category), When.Exists);
                }
                await cache.ScriptEvaluateAsync(Release, [LockKey(category)], [token]);
            }
            catch (Exception e) // readers have the old value; the lock stays
            {
                Interlocked.Increment(ref FailedRefreshes);
                Console.Error.WriteLine($"refresh of bestsellers {category}: {e.Message}");
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
        await redis.GetDatabase().KeyDeleteAsync([CacheKey("scifi"), LockKey("scifi")]); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold", db).ExecuteNonQueryAsync();
        var clock = 1000L; // a clock that the demonstration moves on
        var books = new Bestsellers(redis.GetDatabase(), async category =>
        {
            await using var query = new SqliteCommand(
                "SELECT json_group_array(title ORDER BY sold DESC) FROM books WHERE category = $category", db);
            query.Parameters.AddWithValue("$category", category);
            return JsonSerializer.Deserialize<string[]>((string)(await query.ExecuteScalarAsync())!)!;
        })
        { Now = () => clock };
        Console.WriteLine($"cold: {(await books.GetAsync("scifi"))[0]}");
        await new SqliteCommand("INSERT INTO books VALUES ('Solaris', 'scifi', 10)", db).ExecuteNonQueryAsync();
        clock += 30;
        Console.WriteLine($"30 s later, fresh: {(await books.GetAsync("scifi"))[0]}");
        clock += 31;
        Console.WriteLine($"61 s later, stale: {(await books.GetAsync("scifi"))[0]}");
        await books.Refreshing;
        Console.WriteLine($"the next read: {(await books.GetAsync("scifi"))[0]}");
    }
}
