#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-through: commit to the database, then store the row in Redis, unless a newer version is there.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class WriteThrough
{
    // --8<-- [start:rows]
    // Each write raises the version, and returns the whole row as it now is.
    // A deleted row stays, so that a product that comes back goes on counting.
    const string Whole = @"id, version, CASE WHEN deleted THEN 'missing'
        ELSE json_object('id', id, 'name', name, 'price', price) END AS data";
    public const string Save = @$"INSERT INTO products (id, name, price)
        VALUES ($id, $name, $price)
        ON CONFLICT (id) DO UPDATE SET version = products.version + 1, deleted = 0,
        name = excluded.name, price = excluded.price RETURNING {Whole}";
    public const string Change = @$"UPDATE products SET version = version + 1,
        name = coalesce($name, name), price = coalesce($price, price)
        WHERE id = $id AND NOT deleted RETURNING {Whole}";
    public const string Delete = @$"UPDATE products SET version = version + 1,
        deleted = 1 WHERE id = $id AND NOT deleted RETURNING {Whole}";
    const string Load = $"SELECT {Whole} FROM products WHERE id = $id";
    // --8<-- [end:rows]
    // --8<-- [start:store]
    public static RedisKey Key(string id) => $"cache:product:{id}";
    const int Ttl = 3600; // s; a lost store leaves a product stale for 3,900 at most
    const int MissingTtl = 600; // s; 300 after its question a store keeps no data
    const string Missing = "missing"; // what is stored of a deleted product
    const string Ask =
        "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}";

    const string Store = """
        local stored = tonumber(redis.call('HGET', KEYS[1], 'version')) or -1
        local version, known = tonumber(ARGV[1]), redis.call('HEXISTS', KEYS[1], 'data')
        if stored > version or stored == version and known == 1 then return 0 end
        local late = redis.call('TIME')[1] - ARGV[4] > 300
        local fields = late and {} or {'data', ARGV[2]}
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
        redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(fields))
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return late and 0 or 1
        """;
    // --8<-- [end:store]

    public sealed record Row(string Id, long Version, string Data); // JSON, or Missing
    sealed record Product(string Id, string Name, int Price);

    public sealed class Products(IDatabase cache, SqliteConnection db)
    {
        public int CacheErrors, RefusedWrites, Mistakes, CorruptValues;

        // --8<-- [start:write]
        public async Task<Row?> WriteAsync( // Save, Change, Delete; null: no such row
            string sql, string id, string? name = null, int? price = null)
        {
            RedisValue asked = 0;
            await TellCacheAsync(async () => (_, asked) = await AskAsync(id));
            var row = await CommitAsync(sql, id, name, price);
            if (row is not null) await StoreAsync(row, asked); // after the commit
            return row;
        }

        public async Task<Row?> CommitAsync(
            string sql, string id, string? name = null, int? price = null)
        {
            await using var command = new SqliteCommand(sql, db);
            command.Parameters.AddWithValue("$id", id);
            command.Parameters.AddWithValue("$name", name as object ?? DBNull.Value);
            command.Parameters.AddWithValue("$price", price as object ?? DBNull.Value);
            await using var row = await command.ExecuteReaderAsync(); // commits
            if (!await row.ReadAsync()) return null;
            return new(row.GetString(0), row.GetInt64(1), row.GetString(2));
        }

        public async Task<bool> StoreAsync(Row row, RedisValue asked) // if none is newer
        {
            var ttl = row.Data == Missing ? MissingTtl : Ttl;
            RedisResult? said = null;
            await TellCacheAsync(async () => said = await cache.ScriptEvaluateAsync(
                Store, [Key(row.Id)], [row.Version, row.Data, ttl, asked]));
            return (int?)said == 1;
        }
        // --8<-- [end:write]
        // --8<-- [start:read]
        public async Task<string?> GetAsync(string id) // as JSON; null: there is none
        {
            var (data, asked) = await TryCacheAsync(() => AskAsync(id));
            if (data == Missing) return null;
            if (!data.IsNull && Decode(data!) is { } known) return known;
            if (!data.IsNull) // make room for ours
                await TellCacheAsync(() => cache.HashDeleteAsync(Key(id), "data"));
            var row = await CommitAsync(Load, id);
            if (row is null) return null;
            if (!asked.IsNull) await StoreAsync(row, asked); // refused if it came late
            return row.Data == Missing ? null : row.Data;
        }
        // --8<-- [end:read]

        /// <summary>What is stored, and when we asked, by the clock of Redis.</summary>
        public async Task<(RedisValue Data, RedisValue Asked)> AskAsync(string id)
        {
            var said = (RedisValue[])(await cache.ScriptEvaluateAsync(Ask, [Key(id)]))!;
            return (said[0], said[1]);
        }

        static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

        string? Decode(string json) // differs: a product, as the JSON that it is
        {
            try { if (JsonSerializer.Deserialize<Product>(json, Json) is not null) return json; }
            catch (JsonException) { }
            CorruptValues++;
            return null;
        }

        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

        async Task TellCacheAsync(Func<Task> command)
        {
            try { await command(); }
            catch (Exception e) { if (Counted(e) is Kind.Mistake) Console.Error.WriteLine(e); }
        }

        Kind Counted(Exception e)
        {
            var kind = KindOf(e);
            ref var count = ref kind == Kind.Away ? ref CacheErrors : ref kind == Kind.Refused ? ref RefusedWrites : ref Mistakes;
            Interlocked.Increment(ref count);
            return kind;
        }
    }

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
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            SyncTimeout = 500, // of the backlog too
            AsyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }

    enum Kind { Away, Refused, Mistake }

    static Kind KindOf(Exception e) => new FaultContext(e).ErrorKind switch
    {
        OutOfMemory or Misconfigured or NoReplicas => Kind.Refused, // it serves reads
        ConnectionFault when BadLogin(e) || e.Message.Contains("hashslot") => Kind.Mistake, // a MOVED
        ConnectionFault or RedisErrorKind.Timeout or Loading or MaxClients or ReadOnly or ClusterDown or MasterDown or TryAgain or Busy => Kind.Away,
        _ => Kind.Mistake, // WRONGTYPE, NOPERM, a bug of ours
    };

    static bool BadLogin(Exception? e) => e is RedisConnectionException known && known.FailureType is ConnectionFailureType.AuthenticationFailure
        || e is not null && BadLogin(e.InnerException);

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync(Key("1")); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        db.Open();
        var columns = "id TEXT PRIMARY KEY, name TEXT, price INT, version INT DEFAULT 1, deleted INT DEFAULT 0";
        await new SqliteCommand($"CREATE TABLE products ({columns})", db).ExecuteNonQueryAsync();
        var products = new Products(cache, db);
        await products.WriteAsync(Save, "1", "Pen", 200);
        async Task ShowAsync(string step, string id) => Console.WriteLine($"{step}: {string.Join(' ', (await cache.HashValuesAsync(Key(id))).DefaultIfEmpty("nothing"))}");
        var (_, asked) = await products.AskAsync("1");
        var a = await products.CommitAsync(Change, "1", price: 250);
        var b = await products.CommitAsync(Change, "1", price: 300);
        Console.WriteLine($"B stores its row: {(await products.StoreAsync(b!, asked) ? "yes" : "refused")}");
        Console.WriteLine($"A stores its row: {(await products.StoreAsync(a!, asked) ? "yes" : "refused")}");
        await ShowAsync("version and data in Redis", "1");
        await products.WriteAsync(Change, "1", "Fountain pen");
        await ShowAsync("only the name was sent", "1");
        await products.WriteAsync(Change, "2", "Nib");
        await ShowAsync("a change of product 2, which does not exist", "2");
        await products.WriteAsync(Delete, "1");
        await ShowAsync("deleted", "1");
    }
}
