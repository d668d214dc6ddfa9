#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-through: commit to the database, then store the row in Redis, unless a newer version is there.

using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class WriteThrough
{
    // --8<-- [start:rows]
    // Each write raises the version, and returns the whole row as it now is.
    // A deleted row stays, so that a product that comes back goes on counting.
    const string Whole = @"id, version, CASE WHEN NOT deleted
        THEN json_object('id', id, 'name', name, 'price', price) END AS data";
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
    const int Ttl = 3600; // s; the longest that a lost store leaves a product stale
    const int TombstoneTtl = 600; // s; longer than any reader or writer takes

    const string Store = """
        local stored = redis.call('HGET', KEYS[1], 'version')
        if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'version', ARGV[1])
        if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'data', ARGV[2]) end
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return 1
        """;
    // --8<-- [end:store]

    public sealed record Row(string Id, long Version, string? Data); // no data: deleted

    public sealed class Products(IDatabase cache, SqliteConnection db)
    {
        public int CacheErrors;

        // --8<-- [start:write]
        /// <summary>Save, Change or Delete a product. Null: there is none.</summary>
        public async Task<Row?> WriteAsync(
            string sql, string id, string? name = null, int? price = null)
        {
            var row = await CommitAsync(sql, id, name, price);
            if (row is not null) await StoreAsync(row); // after the commit
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
            return new(row.GetString(0), row.GetInt64(1), row[2] as string);
        }

        /// <summary>Store a row unless Redis has a newer one; say if it did.</summary>
        public async Task<bool> StoreAsync(Row row)
        {
            var ttl = row.Data is null ? TombstoneTtl : Ttl;
            RedisValue[] args = [row.Version, row.Data ?? "", ttl];
            return (int?)await TryCacheAsync(
                () => cache.ScriptEvaluateAsync(Store, [Key(row.Id)], args)) == 1;
        }
        // --8<-- [end:write]

        // --8<-- [start:read]
        public async Task<string?> GetAsync(string id) // as JSON; null: there is none
        {
            var cached = await TryCacheAsync(
                () => cache.HashGetAsync(Key(id), ["version", "data"]));
            if (cached is [{ IsNull: false }, var data]) return data;

            var row = await CommitAsync(Load, id);
            if (row is not null) await StoreAsync(row); // refused if a writer was faster
            return row?.Data;
        }
        // --8<-- [end:read]

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
        await cache.KeyDeleteAsync(Key("1")); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        db.Open();
        var columns = "id TEXT PRIMARY KEY, name TEXT, price INT, version INT DEFAULT 1, deleted INT DEFAULT 0";
        await new SqliteCommand($"CREATE TABLE products ({columns})", db).ExecuteNonQueryAsync();
        var products = new Products(cache, db);
        await products.WriteAsync(Save, "1", "Pen", 200);
        async Task ShowAsync(string step, string id) => Console.WriteLine(
            $"{step}: {string.Join(' ', (await cache.HashValuesAsync(Key(id))).DefaultIfEmpty("nothing"))}");
        var a = await products.CommitAsync(Change, "1", price: 250);
        var b = await products.CommitAsync(Change, "1", price: 300);
        Console.WriteLine($"B stores its row: {(await products.StoreAsync(b!) ? "yes" : "refused")}");
        Console.WriteLine($"A stores its row: {(await products.StoreAsync(a!) ? "yes" : "refused")}");
        await ShowAsync("version and data in Redis", "1");
        await products.WriteAsync(Change, "1", "Fountain pen");
        await ShowAsync("only the name was sent", "1");
        await products.WriteAsync(Change, "2", "Nib");
        await ShowAsync("a change of product 2, which does not exist", "2");
        await products.WriteAsync(Delete, "1");
        await ShowAsync("deleted, so a version alone", "1");
    }
}
