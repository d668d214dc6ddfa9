#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// The race of a reader and a writer, run in all ten orders: with a plain delete one ends stale, with versions none.

using Microsoft.Data.Sqlite;
using StackExchange.Redis;

static class Schedules
{
    const string Key = "cache:product:1";
    const int Ttl = 3600, TombstoneTtl = 60; // s

    // --8<-- [start:policies]
    public class Plain(IDatabase cache)
    {
        public IDatabase Cache => cache;

        public virtual async Task StoreAsync(long version, long price)
        {
            HashEntry[] entry = [new("version", version), new("data", price)];
            await cache.HashSetAsync(Key, entry);
            await cache.KeyExpireAsync(Key, TimeSpan.FromSeconds(Ttl));
        }

        public virtual Task InvalidateAsync(long version) => Cache.KeyDeleteAsync(Key);
    }

    public sealed class Versioned(IDatabase cache) : Plain(cache)
    {
        const string Script = """
            local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
            if stored and stored > tonumber(ARGV[1]) then return 0 end
            redis.call('DEL', KEYS[1])
            redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
            return redis.call('EXPIRE', KEYS[1], ARGV[2])
            """;

        public override Task StoreAsync(long version, long price) =>
            Cache.ScriptEvaluateAsync(Script, [Key], [version, Ttl, "data", price]);
        public override Task InvalidateAsync(long version) =>
            Cache.ScriptEvaluateAsync(Script, [Key], [version, TombstoneTtl]);
    }
    // --8<-- [end:policies]

    // --8<-- [start:actors]
    /// <summary>An actor waits here for its turn, and says when it is done.</summary>
    sealed class Gate
    {
        readonly SemaphoreSlim begin = new(0), end = new(0);

        public async Task StepAsync(Func<Task> action)
        {
            await begin.WaitAsync();
            try { await action(); }
            finally { end.Release(); }
        }

        public Task TurnAsync() { begin.Release(); return end.WaitAsync(); }
    }

    static async Task ReadAsync(Plain policy, SqliteConnection db, Gate gate)
    {
        (long Version, long Price) row = default;
        await gate.StepAsync(() => policy.Cache.HashGetAsync(Key, "data")); // a miss
        await gate.StepAsync(async () => row = await SelectAsync(db));
        await gate.StepAsync(() => policy.StoreAsync(row.Version, row.Price));
    }

    static async Task WriteAsync(Plain policy, SqliteConnection db, Gate gate)
    {
        const string sql = "UPDATE products SET price_cents = 475, version = 2";
        await using var update = new SqliteCommand(sql, db);
        await gate.StepAsync(() => update.ExecuteNonQueryAsync()); // commits
        await gate.StepAsync(() => policy.InvalidateAsync(2));
    }
    // --8<-- [end:actors]

    static async Task CreateAsync(SqliteConnection db)
    {
        const string sql = "CREATE TABLE products AS SELECT 1 AS version, 450 AS price_cents";
        await new SqliteCommand(sql, db).ExecuteNonQueryAsync();
    }

    static async Task<(long, long)> SelectAsync(SqliteConnection db)
    {
        await using var query = new SqliteCommand("SELECT version, price_cents FROM products", db);
        await using var row = await query.ExecuteReaderAsync();
        await row.ReadAsync();
        return (row.GetInt64(0), row.GetInt64(1));
    }

    // --8<-- [start:run]
    /// <summary>All merges of three steps of a reader with two of a writer.</summary>
    public static IEnumerable<string> All() =>
        from first in Enumerable.Range(0, 5)
        from second in Enumerable.Range(first + 1, 4 - first)
        select "RRR".Insert(first, "W").Insert(second, "W");

    public static async Task<string> RunAsync(Plain policy, string schedule)
    {
        await policy.Cache.KeyDeleteAsync(Key);
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await CreateAsync(db);
        var gates = new Dictionary<char, Gate> { ['R'] = new(), ['W'] = new() };
        var actors = Task.WhenAll(
            ReadAsync(policy, db, gates['R']), WriteAsync(policy, db, gates['W']));
        foreach (var actor in schedule)
            await gates[actor].TurnAsync().WaitAsync(TimeSpan.FromSeconds(5));
        await actors;
        var data = await policy.Cache.HashGetAsync(Key, "data");
        return data.IsNull || data == 475 ? "fresh" : "STALE";
    }
    // --8<-- [end:run]

    static async Task Main()
    {
        var url = new Uri(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{url.Host}:{url.Port}");
        var (cache, plain, versioned) = (redis.GetDatabase(), 0, 0);
        foreach (var schedule in All())
        {
            var (first, second) = (await RunAsync(new Plain(cache), schedule), await RunAsync(new Versioned(cache), schedule));
            Console.WriteLine($"{string.Join(' ', schedule.AsEnumerable())}  plain: {first}  versioned: {second}");
            plain += first == "STALE" ? 1 : 0;
            versioned += second == "STALE" ? 1 : 0;
        }
        Console.WriteLine($"plain: {plain} of 10 stale\nversioned: {versioned} of 10 stale");
    }
}
