#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Single flight in one process: callers that ask for the same key while it is being read share that one read.

using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class SingleFlight
{
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
    static string[] Decode(RedisValue json) => JsonSerializer.Deserialize<string[]>(json.ToString())!; // differs: titles
    static TimeSpan Jitter(TimeSpan t) => t * (0.9 + Random.Shared.NextDouble() / 5);

    // --8<-- [start:flight]
    public sealed class Flights<T>
    {
        // GetOrAdd may call its factory twice, but only one Lazy is asked
        readonly ConcurrentDictionary<string, Lazy<Task<T>>> flights = new();

        /// <summary>Do the work for a key, or wait for whoever does it.</summary>
        public Task<T> DoAsync(string key, Func<Task<T>> work) =>
            flights.GetOrAdd(key, _ => new(() => FlyAsync(key, work))).Value;

        async Task<T> FlyAsync(string key, Func<Task<T>> work)
        {
            // a failure reaches all who wait, and none later
            try { return await work(); }
            finally { flights.TryRemove(key, out _); }
        }
    }
    // --8<-- [end:flight]

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string[]>> load)
    {
        readonly Flights<string[]> flights = new();
        public int CacheErrors;

        // --8<-- [start:read]
        public Task<string[]> GetAsync(string category) =>
            flights.DoAsync(category, () => ReadAsync(category));

        /// <summary>Cache-aside: GET, load, SET, all inside the flight.</summary>
        async Task<string[]> ReadAsync(string category)
        {
            var key = CacheKey(category);
            var cached = await TryCacheAsync(() => cache.StringGetAsync(key));
            if (!cached.IsNull) return Decode(cached);
            var titles = await load(category);
            var value = JsonSerializer.Serialize(titles);
            var ttl = Jitter(TimeSpan.FromHours(1));
            await TryCacheAsync(() => cache.StringSetAsync(key, value, ttl));
            return titles;
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

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await redis.GetDatabase().KeyDeleteAsync(CacheKey("scifi")); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold", db).ExecuteNonQueryAsync();
        var loads = 0;
        var books = new Bestsellers(redis.GetDatabase(), async category =>
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(200); // a slow query
            await using var query = new SqliteCommand(
                "SELECT title FROM books WHERE category = $category ORDER BY sold DESC LIMIT 10", db);
            query.Parameters.AddWithValue("$category", category);
            await using var rows = await query.ExecuteReaderAsync();
            var titles = new List<string>();
            while (await rows.ReadAsync()) titles.Add(rows.GetString(0));
            return [.. titles];
        });
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")));
        Console.WriteLine($"{answers.Length} callers in one process, loads: {loads}");
        await books.GetAsync("scifi");
        Console.WriteLine($"one caller more, loads: {loads}");
    }
}
