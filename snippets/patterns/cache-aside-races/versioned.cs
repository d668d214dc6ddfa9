#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class Versioned
{
    const int Ttl = 3600, MissingTtl = 60; // s; a missing product has version 0
    const string Missing = "missing";

    // --8<-- [start:script]
    const int TombstoneTtl = 60; // s; longer than any read takes from SELECT to store

    const string Store = """
        local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
        if stored and stored > tonumber(ARGV[1]) then return 0 end
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
        return redis.call('EXPIRE', KEYS[1], ARGV[2])
        """; // ARGV: version, TTL, and perhaps 'data' and the data
    // --8<-- [end:script]

    public sealed record Product(string Id, string Name, int PriceCents);

    public static string ProductKey(string id) => $"cache:product:{id}";

    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    static Product? Decode(string data) // differs: a product
    {
        try { return JsonSerializer.Deserialize<Product>(data, Json); }
        catch (JsonException) { return null; } // a corrupt value is a miss
    }

    public sealed class Products(IDatabase cache, SqliteConnection db)
    {
        public int DatabaseReads, CacheErrors;

        const string Select = "SELECT version, name, price_cents FROM products WHERE id = $id";

        // --8<-- [start:read]
        public async Task<Product?> GetAsync(string id)
        {
            var key = ProductKey(id);
            var data = await TryCacheAsync(() => cache.HashGetAsync(key, "data"));
            if (data == Missing) return null;
            if (!data.IsNull && Decode(data!) is { } known)
                return known; // a tombstone has no data, so it is a miss
            var (version, product) = await LoadAsync(id);
            await StoreAsync(id, version, product);
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

        public Task<bool> StoreAsync(string id, long version, Product? product)
        {
            var data = product is null ? Missing : JsonSerializer.Serialize(product, Json);
            var jitter = 0.9 + Random.Shared.NextDouble() / 5;
            var ttl = (int)((product is null ? MissingTtl : Ttl) * jitter);
            return PutAsync(ProductKey(id), version, ttl, "data", data);
        }
        // --8<-- [end:read]

        // --8<-- [start:write]
        public async Task SaveAsync(Product product)
        {
            await using var upsert = new SqliteCommand("""
                INSERT INTO products VALUES ($id, $name, $price, 1)
                ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                price_cents = excluded.price_cents, version = version + 1
                RETURNING version
                """, db);
            var (id, name, price) = product;
            upsert.Parameters.AddRange(
                [new("$id", id), new("$name", name), new("$price", price)]);
            var version = (long)(await upsert.ExecuteScalarAsync())!; // has committed
            await PutAsync(ProductKey(id), version, TombstoneTtl); // then
        }

        /// <summary>Whether it was stored: nothing newer is, and Redis is up.</summary>
        public async Task<bool> PutAsync(string key, params RedisValue[] args) => 1 ==
            (int?)await TryCacheAsync(() => cache.ScriptEvaluateAsync(Store, [key], args));
        // --8<-- [end:write]

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
        var url = new Uri(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{url.Host}:{url.Port}");
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync(ProductKey("1")); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        var table = "CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price_cents INTEGER, version INTEGER)";
        await new SqliteCommand(table, db).ExecuteNonQueryAsync();
        var products = new Products(cache, db);
        await products.SaveAsync(new Product("1", "Tea", 450));
        var (version, old) = await products.LoadAsync("1");
        Console.WriteLine($"a slow reader has loaded version {version}, {old!.PriceCents} cents");
        await products.SaveAsync(new Product("1", "Tea", 475));
        var left = await cache.HashGetAsync(ProductKey("1"), "version");
        Console.WriteLine($"a writer commits and leaves version {left}, no data");
        async Task<string> StoreOld() => await products.StoreAsync("1", version, old) ? "accepted" : "refused";
        Console.WriteLine($"the slow reader's store: {await StoreOld()}");
        Console.WriteLine($"next read: {(await products.GetAsync("1"))!.PriceCents} cents");
        await cache.KeyDeleteAsync(ProductKey("1"));
        Console.WriteLine($"after a DEL, the same store: {await StoreOld()}");
        Console.WriteLine($"next read: {(await products.GetAsync("1"))!.PriceCents} cents");
    }
}
