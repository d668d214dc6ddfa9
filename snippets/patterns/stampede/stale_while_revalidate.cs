#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Stale while revalidate: past its soft expiry a value is still served, while one reader has it loaded anew.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class StaleWhileRevalidate
{
    const int Fresh = 60; // seconds until a new value is wanted: the soft expiry, in the value
    static readonly TimeSpan Ttl = TimeSpan.FromHours(1); // the hard one, on the key
    public static readonly TimeSpan LockTtl = TimeSpan.FromSeconds(10); // longer than a load
    static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
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

    public static string CacheKey(string category) => $"cache:bestsellers:{category}";
    public static string LockKey(string category) => $"lock:bestsellers:{category}";
    static Entry Decode(RedisValue json) => JsonSerializer.Deserialize<Entry>(json.ToString(), Json)!; // differs: an entry
    public sealed record Entry(string[] Value, long FreshUntil);

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string[]>> load)
    {
        public Func<long> Now { get; init; } = () => DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        public int Refreshes, FailedRefreshes, CacheErrors;
        public Task Refreshing { get; private set; } = Task.CompletedTask; // the latest, to wait for

        // --8<-- [start:read]
        public async Task<string[]> GetAsync(string category)
        {
            var key = CacheKey(category);
            var cached = await TryCacheAsync(() => cache.StringGetAsync(key));
            if (cached.IsNull) // nothing to serve: this caller waits
            {
                var titles = await load(category);
                await TryCacheAsync(() => StoreAsync(category, titles, When.Always));
                return titles;
            }
            if (IsStale(cached)) await StartRefreshAsync(category);
            return Decode(cached).Value; // fresh or not, at once
        }

        bool IsStale(RedisValue cached) => Decode(cached).FreshUntil <= Now();

        Task<bool> StoreAsync(string category, string[] titles, When when) =>
            cache.StringSetAsync(CacheKey(category), JsonSerializer.Serialize(
                new Entry(titles, Now() + Fresh), Json), Ttl, when);
        // --8<-- [end:read]

        // --8<-- [start:refresh]
        async Task StartRefreshAsync(string category)
        {
            RedisKey key = LockKey(category);
            RedisValue token = Guid.NewGuid().ToString();
            var take = () => cache.StringSetAsync(key, token, LockTtl, When.NotExists);
            if (await TryCacheAsync(take)) // NX: one reader of all gets it
                Refreshing = Task.Run(() => RefreshAsync(category, token)); // not awaited
        }

        async Task RefreshAsync(string category, RedisValue token)
        {
            try
            {
                var cached = await cache.StringGetAsync(CacheKey(category));
                if (!cached.IsNull && IsStale(cached)) // still: none came first
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
