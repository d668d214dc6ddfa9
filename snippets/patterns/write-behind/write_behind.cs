#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-behind, the accepting side: a cart and its stream entry in one step; worker.cs takes it to the database.

using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class WriteBehind
{
    // --8<-- [start:script]
    const string Stream = "stream:carts", Group = "writers";
    const int Limit = 10_000; // entries that may wait; beyond it, writes are refused

    // One step: the entry's id is the cart's version, and Redis only counts it up.
    const string Accept = """
        if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then return false end
        local version = redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'data', ARGV[2])
        redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
        redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
        return version
        """;
    // --8<-- [end:script]

    /// <summary>Too many writes wait for the database: refuse this one.</summary>
    public sealed class QueueFullException(int limit) : Exception($"{limit} writes wait");

    public sealed class Carts(IDatabase cache, SqliteConnection db, int limit = Limit)
    {
        public int CacheErrors { get; private set; }

        // --8<-- [start:accept]
        /// <summary>Accept a cart; its version. If this throws, try it again.</summary>
        public async Task<string> SaveAsync(string id, string json)
        {
            RedisKey[] keys = [$"cart:{id}", Stream];
            var version = await cache.ScriptEvaluateAsync(Accept, keys, [id, json, limit]);
            return (string?)version ?? throw new QueueFullException(limit);
        }
        // --8<-- [end:accept]

        // --8<-- [start:read]
        public async Task<string?> GetAsync(string id)
        {
            RedisValue data = default;
            try { data = await cache.HashGetAsync($"cart:{id}", "data"); }
            catch (Exception e) when (IsOutage(e)) { CacheErrors++; } // the row may be old
            return data.IsNull ? await LoadAsync(id) : (string?)data;
        }

        async Task<string?> LoadAsync(string id) // and does not cache it: see the page
        {
            const string sql = "SELECT data FROM carts WHERE id = $id";
            await using var query = new SqliteCommand(sql, db);
            query.Parameters.AddWithValue("$id", id);
            return await query.ExecuteScalarAsync() as string;
        }
        // --8<-- [end:read]

        static bool IsOutage(Exception e) => e is RedisTimeoutException
            or RedisConnectionException && !BadLogin(e) && !e.Message.Contains("hashslot");
        static bool BadLogin(Exception? e) => e is not null && (BadLogin(e.InnerException)
            || e is RedisConnectionException { FailureType: AuthenticationFailure });

        // --8<-- [start:depth]
        /// <summary>How much waits: alert on it. No lag: Redis cannot tell.</summary>
        public async Task<(long Entries, long? Lag, int Pending)> DepthAsync()
        {
            var group = (await cache.StreamGroupInfoAsync(Stream)).Single();
            var entries = await cache.StreamLengthAsync(Stream);
            return (entries, group.Lag, group.PendingMessageCount);
        }
        // --8<-- [end:depth]
    }

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

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url);
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync(["cart:1", "cart:2", Stream]); // left by an earlier run
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("""
            CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL);
            INSERT INTO carts VALUES ('2', '', '{"ink":1}');
            """, db).ExecuteNonQueryAsync();
        var carts = new Carts(cache, db, limit: 3);
        var first = await carts.SaveAsync("1", """{"pen":1}""");
        var second = await carts.SaveAsync("1", """{"pen":2}""");
        Console.WriteLine($"accepted twice, in order: {(string.CompareOrdinal(first, second) < 0 ? "yes" : "no")}");
        var ttl = await cache.KeyTimeToLiveAsync("cart:1");
        Console.WriteLine($"cart 1 in Redis: {await carts.GetAsync("1")} TTL {ttl?.TotalSeconds ?? -1}");
        var row = await new SqliteCommand("SELECT data FROM carts WHERE id = '1'", db).ExecuteScalarAsync();
        Console.WriteLine($"cart 1 in the database: {row ?? "nothing yet"}");
        Console.WriteLine($"cart 2, only in the database: {await carts.GetAsync("2")}");
        await cache.StreamReadGroupAsync(Stream, Group, "a worker", ">", 1);
        var (entries, lag, pending) = await carts.DepthAsync();
        Console.WriteLine($"entries: {entries}; not yet read: {lag}; read, not acknowledged: {pending}");
        await carts.SaveAsync("2", """{"ink":2}""");
        try { await carts.SaveAsync("1", """{"pen":3}"""); }
        catch (QueueFullException e) { Console.WriteLine($"refused: {e.Message}"); }
        await cache.KeyDeleteAsync(["cart:1", "cart:2", Stream]); // no worker would take them
    }
}
