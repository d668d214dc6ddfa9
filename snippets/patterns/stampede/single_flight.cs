#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Single flight in one process: callers that ask for the same key while it is being read share that one read.

using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

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

    public static string CacheKey(string category) => $"cache:bestsellers:{category}";
    static TimeSpan Jitter(TimeSpan t) => t * (0.9 + Random.Shared.NextDouble() / 5);

    // --8<-- [start:flight]
    public sealed class Flights<T>
    {
        // of two that GetOrAdd is given at once, only one Lazy is asked
        readonly ConcurrentDictionary<string, Lazy<Task<T>>> flights = new();

        /// <summary>Do the work for a key, or wait for whoever does it.</summary>
        public Task<T> DoAsync(string key, Func<Lazy<Task<T>>, Task<T>> work)
        {
            Lazy<Task<T>> mine = null!;
            mine = new(() => FlyAsync(key, mine, work));
            return flights.GetOrAdd(key, mine).Value;
        }

        async Task<T> FlyAsync(
            string key, Lazy<Task<T>> mine, Func<Lazy<Task<T>>, Task<T>> work)
        {
            // a failure reaches all who wait, and none later
            try { return await work(mine); }
            finally { flights.TryRemove(new(key, mine)); }
        }

        public bool IsOpen(string key, Lazy<Task<T>> flight) =>
            flights.Contains(new(key, flight));

        /// <summary>Let nobody join a flight that is under way.</summary>
        public void Close(string key) => flights.TryRemove(key, out _);
    }
    // --8<-- [end:flight]

    /// <summary>The titles in a cached value, or null: what is stored is input.</summary>
    static string[]? Decode(RedisValue json) // differs: titles
    {
        try
        {
            var titles = JsonSerializer.Deserialize<string[]>(json.ToString());
            return titles?.All(title => title is not null) is true ? titles : null;
        }
        catch (JsonException) { return null; } // nothing, or no JSON, or no list of texts
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

    public sealed class Bestsellers(IDatabase cache, Func<string, Task<string[]>> load)
    {
        readonly Flights<string[]> flights = new();
        public int CacheErrors, RefusedWrites, Mistakes, CorruptValues;

        // --8<-- [start:read]
        public async Task<string[]> GetAsync(string category) => // an array of its own
            [.. await flights.DoAsync(category, flight => ReadAsync(category, flight))];

        /// <summary>Cache-aside: GET, load, SET, all inside the flight.</summary>
        async Task<string[]> ReadAsync(string category, Lazy<Task<string[]>> flight)
        {
            var key = CacheKey(category);
            var cached = await TryCacheAsync(() => cache.StringGetAsync(key));
            if (Decode(cached) is { } known) return known;
            if (!cached.IsNull) Interlocked.Increment(ref CorruptValues);
            var titles = await load(category);
            var value = JsonSerializer.Serialize(titles);
            var ttl = Jitter(TimeSpan.FromHours(1));
            if (flights.IsOpen(category, flight)) // no write has closed it
                await TellCacheAsync(() => cache.StringSetAsync(key, value, ttl));
            return titles;
        }

        /// <summary>Call this after a commit: what was read before is old.</summary>
        public async Task ChangedAsync(string category)
        {
            flights.Close(category); // what that loads is not stored any more;
            await TellCacheAsync(() => cache.KeyDeleteAsync(CacheKey(category)));
            flights.Close(category); // nor joined, what may have read the old value
        }
        // --8<-- [end:read]

        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

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
