#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Read-through: a cache that owns its loader, so that callers ask one object and never see the database.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class ReadThrough
{
    public sealed record Cart(string Id, SortedDictionary<string, int> Items);

    static readonly TimeSpan Ttl = TimeSpan.FromHours(1), MissingTtl = TimeSpan.FromMinutes(1);
    const string Missing = "missing";

    // --8<-- [start:cache]
    /// <summary>Carts, wherever they come from. All policy is in here.</summary>
    public sealed class CartCache(IDatabase cache, Func<string, Task<Cart?>> load)
    {
        public int Loads, CacheErrors, RefusedWrites, Mistakes, CorruptValues;

        public async Task<Cart?> GetAsync(string id)
        {
            var cached = await TryCacheAsync(() => cache.StringGetAsync(Key(id)));
            if (cached == Missing) return null;
            if (!cached.IsNull && Decode(cached!) is { } known) return known;
            Loads++;
            var cart = await load(id); // may throw: then nothing is stored
            var value = cart is null ? Missing : JsonSerializer.Serialize(cart, Json);
            var ttl = cart is null ? MissingTtl : Ttl;
            ttl *= 0.9 + Random.Shared.NextDouble() / 5;
            await TellCacheAsync(() => cache.StringSetAsync(Key(id), value, ttl));
            return cart;
        }

        /// <summary>Whoever writes the database calls this after the commit.</summary>
        public Task ForgetAsync(string id) =>
            TellCacheAsync(() => cache.KeyDeleteAsync(Key(id)));
        // --8<-- [end:cache]

        static string Key(string id) => $"cache:cart:{id}";

        static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
        { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

        Cart? Decode(string json) // differs: a cart
        {
            try { if (JsonSerializer.Deserialize<Cart>(json, Json) is { } cart) return cart; }
            catch (JsonException) { }
            CorruptValues++;
            return null;
        }

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

    // --8<-- [start:wiring]
    /// <summary>The one place that knows both stores.</summary>
    public static CartCache MakeCarts(IDatabase cache, SqliteConnection db)
        => new(cache, id => LoadAsync(db, id));

    static async Task<Cart?> LoadAsync(SqliteConnection db, string id)
    {
        await using var query = new SqliteCommand("""
            SELECT product_id, quantity FROM cart_items WHERE cart_id = $id
            """, db);
        query.Parameters.AddWithValue("$id", id);
        await using var rows = await query.ExecuteReaderAsync();
        var items = new SortedDictionary<string, int>(StringComparer.Ordinal);
        while (await rows.ReadAsync()) items[rows.GetString(0)] = rows.GetInt32(1);
        return items.Count > 0 ? new Cart(id, items) : null;
    }

    public static async Task<string> DescribeAsync(CartCache carts, string id)
    {
        var cart = await carts.GetAsync(id); // no Redis and no SQL here
        return cart is null ? "no such cart" : $"{cart.Items.Values.Sum()} items";
    }
    // --8<-- [end:wiring]

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
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("""
            CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER);
            INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1);
            """, db).ExecuteNonQueryAsync();
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url);
        var carts = MakeCarts(redis.GetDatabase(), db);
        foreach (var id in new[] { "7", "8" })
            await carts.ForgetAsync(id); // left by an earlier run
        async Task Show(string step, string id)
        {
            var said = await DescribeAsync(carts, id);
            Console.WriteLine($"{step}: {said}, loads: {carts.Loads}");
        }
        await Show("first read", "7");
        await Show("second read", "7");
        var sql = "UPDATE cart_items SET quantity = 5 WHERE cart_id = '7' AND product_id = 'tea'";
        await new SqliteCommand(sql, db).ExecuteNonQueryAsync();
        await Show("after a write that told nobody", "7");
        await carts.ForgetAsync("7");
        await Show("after forget", "7");
        await Show("missing cart", "8");
        await Show("missing cart again", "8");
    }
}
