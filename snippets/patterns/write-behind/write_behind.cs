#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-behind, the accepting side: a cart and its stream entry in one step; worker.cs takes it to the database.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class WriteBehind
{
    // --8<-- [start:script]
    const string Stream = "stream:carts", Waiting = "stream:carts:waiting";
    const string Group = "writers";
    const int Limit = 10_000; // entries that may wait; beyond it, writes are refused
    const int RepeatedS = 600; // s in which a repeat is known as one

    // One step: the entry's id is the cart's version, and Redis only counts it up.
    public const string Accept = """
        local accepted = redis.call('GET', KEYS[2])
        if accepted then return accepted end  -- a repeat is no new write
        if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[3]) then return false end
        local version = redis.call('XADD', KEYS[3], '*', 'id', ARGV[1], 'data', ARGV[2])
        redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
        redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
        redis.call('HSET', KEYS[4], ARGV[1], version)  -- until the database has it
        redis.call('SET', KEYS[2], version, 'EX', ARGV[4])
        return version
        """;
    // --8<-- [end:script]

    // --8<-- [start:lost]
    const string Lost = """
        local lost = 0
        for _, version in ipairs(redis.call('HVALS', KEYS[2])) do
          local found = redis.call('XRANGE', KEYS[1], version, version)[1]
          if not found then lost = lost + 1 end
        end
        return lost
        """;
    // --8<-- [end:lost]

    /// <summary>Too many writes wait for the database: refuse this one.</summary>
    public sealed class QueueFullException(int limit) : Exception($"{limit} writes wait");

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

    public sealed class Carts(IDatabase cache, SqliteConnection db, int limit = Limit)
    {
        public int CacheErrors, RefusedWrites, Mistakes, CorruptValues;

        // --8<-- [start:accept]
        /// <summary>Accept a cart. If this throws, repeat it: the same request.</summary>
        public async Task<string> SaveAsync(string id, string json, string request)
        {
            JsonDocument.Parse(json).Dispose(); // NaN and the like are refused here
            RedisKey cart = $"cart:{id}", mark = $"cart:{id}:request:{request}";
            RedisKey[] keys = [cart, mark, Stream, Waiting];
            RedisValue[] values = [id, json, limit, RepeatedS];
            RedisResult version;
            try { version = await cache.ScriptEvaluateAsync(Accept, keys, values); }
            catch (Exception e) // nobody else has this write, so the caller must know
            { Counted(e); throw; }
            return (string?)version ?? throw new QueueFullException(limit);
        }
        // --8<-- [end:accept]

        // --8<-- [start:read]
        public async Task<string?> GetAsync(string id)
        {
            var data = await TryCacheAsync(() => cache.HashGetAsync($"cart:{id}", "data"));
            if (Decode(data) is { } cart) return cart;
            // the row may be older than what was accepted; and is not cached: see the page
            const string sql = "SELECT data FROM carts WHERE id = $id";
            await using var query = new SqliteCommand(sql, db);
            query.Parameters.AddWithValue("$id", id);
            return await query.ExecuteScalarAsync() as string;
        }

        string? Decode(string? data) // differs: a cart has any fields
        {
            if (data is null) return null;
            try
            {
                using var cart = JsonDocument.Parse(data);
                if (cart.RootElement.ValueKind == JsonValueKind.Object) return data;
            }
            catch (JsonException) { }
            CorruptValues++;
            return null;
        }
        // --8<-- [end:read]

        /// <summary>Ask. If Redis is away: count, answer default. A mistake surfaces.</summary>
        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

        Kind Counted(Exception e)
        {
            var kind = KindOf(e);
            ref var count = ref kind == Kind.Away ? ref CacheErrors
                : ref kind == Kind.Refused ? ref RefusedWrites : ref Mistakes;
            Interlocked.Increment(ref count);
            return kind;
        }

        // --8<-- [start:depth]
        /// <summary>How much waits: alert on it. No lag: Redis cannot tell.</summary>
        public async Task<(long Entries, long? Lag, int Pending, int Lost)> DepthAsync()
        {
            var entries = await cache.StreamLengthAsync(Stream);
            var groups = entries == 0 ? [] : await cache.StreamGroupInfoAsync(Stream);
            var lost = (int)await cache.ScriptEvaluateAsync(Lost, [Stream, Waiting]);
            foreach (var group in groups.Where(group => group.Name == Group))
                return (entries, group.Lag, group.PendingMessageCount, lost);
            return (entries, entries, 0, lost); // a worker will make the group
        }
        // --8<-- [end:depth]
    }

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var cache = redis.GetDatabase();
        RedisKey[] requests = [.. "abcd".SelectMany(name => "12".Select(id => (RedisKey)$"cart:{id}:request:{name}"))];
        RedisKey[] ours = ["cart:1", "cart:2", Stream, Waiting, .. requests];
        await cache.KeyDeleteAsync(ours); // left by an earlier run
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("""
            CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL);
            INSERT INTO carts VALUES ('2', '', '{"ink":1}');
            """, db).ExecuteNonQueryAsync();
        var carts = new Carts(cache, db, limit: 3);
        var first = await carts.SaveAsync("1", """{"pen":1}""", "a");
        var second = await carts.SaveAsync("1", """{"pen":2}""", "b");
        Console.WriteLine($"accepted twice, in order: {(string.CompareOrdinal(first, second) < 0 ? "yes" : "no")}");
        var repeated = await carts.SaveAsync("1", """{"pen":1}""", "a");
        Console.WriteLine($"the first one repeated is a new write: {(repeated == first ? "no" : "yes")}");
        var ttl = await cache.KeyTimeToLiveAsync("cart:1");
        Console.WriteLine($"cart 1 in Redis: {await carts.GetAsync("1")} TTL {ttl?.TotalSeconds ?? -1}");
        var row = await new SqliteCommand("SELECT data FROM carts WHERE id = '1'", db).ExecuteScalarAsync();
        Console.WriteLine($"cart 1 in the database: {row ?? "nothing yet"}");
        Console.WriteLine($"cart 2, only in the database: {await carts.GetAsync("2")}");
        await cache.StreamReadGroupAsync(Stream, Group, "a worker", ">", 1);
        var (entries, lag, pending, lost) = await carts.DepthAsync();
        Console.WriteLine($"entries: {entries}; not yet read: {lag}; read, not acknowledged: {pending}; lost or buried: {lost}");
        await carts.SaveAsync("2", """{"ink":2}""", "c");
        try { await carts.SaveAsync("1", """{"pen":3}""", "d"); }
        catch (QueueFullException e) { Console.WriteLine($"refused: {e.Message}"); }
        await cache.KeyDeleteAsync(ours); // no worker would take them
    }
}
