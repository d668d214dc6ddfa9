#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class Versioned
{
    const int Ttl = 3600, MissingTtl = 60; // s; a missing product has version 0
    const string Missing = "missing";

    // --8<-- [start:script]
    const int TombstoneTtl = 60; // s; a store 30 after its question is refused
    const string Ask =
        "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}";
    const string Store = """
        local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
        if stored and stored > tonumber(ARGV[1]) then return 0 end
        if ARGV[3] and redis.call('TIME')[1] - ARGV[3] > 30 then return 0 end
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
        redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
        return redis.call('EXPIRE', KEYS[1], ARGV[2])
        """; // ARGV: version, TTL; of a reader its time, 'data', the data
    // --8<-- [end:script]

    public sealed record Product(string Id, string Name, int Price);
    public static string ProductKey(string id) => $"cache:product:{id}";

    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public sealed class Products(IDatabase cache, SqliteConnection db)
    {
        public int DatabaseReads, CacheErrors, RefusedWrites, Mistakes, CorruptValues;
        const string Select = "SELECT version, name, price FROM products WHERE id = $id";

        // --8<-- [start:read]
        public async Task<Product?> GetAsync(string id)
        {
            var (data, asked) = await AskAsync(id);
            if (data == Missing) return null;
            if (!data.IsNull && Decode(data!) is { } known)
                return known; // a tombstone has no data, so it is a miss
            var (version, product) = await LoadAsync(id);
            await StoreAsync(id, version, product, asked);
            return product;
        }

        public async Task<(long Version, Product? Product)> LoadAsync(string id)
        {
            DatabaseReads++;
            await using var query = new SqliteCommand(Select, db);
            query.Parameters.AddWithValue("$id", id);
            await using var row = await query.ExecuteReaderAsync();
            if (!await row.ReadAsync()) return (0, null);
            return (row.GetInt64(0), new(id, row.GetString(1), row.GetInt32(2)));
        }

        public async Task<bool> StoreAsync(
            string id, long version, Product? product, RedisValue asked)
        {
            if (asked.IsNull) return false; // Redis did not answer
            var data = product is null ? Missing : JsonSerializer.Serialize(product, Json);
            var jitter = 0.9 + Random.Shared.NextDouble() / 5;
            var ttl = (int)((product is null ? MissingTtl : Ttl) * jitter);
            return await PutAsync(ProductKey(id), version, ttl, asked, "data", data);
        }
        // --8<-- [end:read]

        /// <summary>What is stored, and when we asked, by the clock of Redis.</summary>
        public async Task<(RedisValue Data, RedisValue Asked)> AskAsync(string id) =>
            (RedisValue[]?)await TryCacheAsync(() => cache.ScriptEvaluateAsync(
                Ask, [ProductKey(id)])) is [var data, var asked] ? (data, asked) : default;

        Product? Decode(string json) // differs: a product
        {
            try { if (JsonSerializer.Deserialize<Product>(json, Json) is { } p) return p; }
            catch (JsonException) { }
            CorruptValues++;
            return null;
        }

        // --8<-- [start:write]
        public async Task SaveAsync(Product product)
        {
            await using var upsert = new SqliteCommand("""
                INSERT INTO products VALUES ($id, $name, $price, 1)
                ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                price = excluded.price, version = version + 1
                RETURNING version
                """, db);
            var (id, name, price) = product;
            upsert.Parameters.AddRange(
                [new("$id", id), new("$name", name), new("$price", price)]);
            var version = (long)(await upsert.ExecuteScalarAsync())!; // has committed
            await PutAsync(ProductKey(id), version, TombstoneTtl); // then
        }

        /// <summary>Whether it was stored: nothing newer is, and Redis is up.</summary>
        public async Task<bool> PutAsync(string key, params RedisValue[] args)
        {
            var said = 0;
            await TellCacheAsync(async () =>
                said = (int)await cache.ScriptEvaluateAsync(Store, [key], args));
            return said == 1;
        }
        // --8<-- [end:write]

        /// <summary>Ask. Redis away: count, answer default. A mistake surfaces.</summary>
        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

        /// <summary>Tell. The caller has its row or its commit in any case.</summary>
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

    /// <summary>Make the one connection of the process. Times are in ms.</summary>
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

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url);
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync(ProductKey("1")); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INT, version INT)", db).ExecuteNonQueryAsync();
        var products = new Products(cache, db);
        await products.SaveAsync(new Product("1", "Tea", 450));
        var (_, asked) = await products.AskAsync("1");
        var (version, old) = await products.LoadAsync("1");
        Console.WriteLine($"a slow reader has loaded version {version}, {old!.Price} cents");
        await products.SaveAsync(new Product("1", "Tea", 475));
        Console.WriteLine($"a writer commits and leaves version {await cache.HashGetAsync(ProductKey("1"), "version")}, no data");
        async Task<string> StoreOld() => await products.StoreAsync("1", version, old, asked) ? "accepted" : "refused";
        Console.WriteLine($"the slow reader's store: {await StoreOld()}\nnext read: {(await products.GetAsync("1"))!.Price} cents");
        await cache.KeyDeleteAsync(ProductKey("1"));
        Console.WriteLine($"after a DEL, the same store: {await StoreOld()}\nnext read: {(await products.GetAsync("1"))!.Price} cents");
    }
}
