#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// One load over all processes: whoever takes the lock loads, the others wait for what that one stores.

using System.Diagnostics;
using System.Text.Json;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class StampedeLock
{
    // --8<-- [start:release]
    const string Release = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then
          return redis.call('DEL', KEYS[1])
        end
        return 0
        """;
    // --8<-- [end:release]
    static readonly string Extend = Release.Replace("'DEL', KEYS[1]", "'PEXPIRE', KEYS[1], ARGV[2]");

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
    public static string LockKey(string category) => $"lock:bestsellers:{category}";
    static TimeSpan Jitter(TimeSpan t) => t * (0.9 + Random.Shared.NextDouble() / 5);

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
        public TimeSpan LockTtl { get; init; } = TimeSpan.FromSeconds(5);
        public TimeSpan Wait { get; init; } = TimeSpan.FromSeconds(30);
        readonly SemaphoreSlim room = new(10); // loads under way in this process
        public int CacheErrors, RefusedWrites, Mistakes, CorruptValues, Busy;

        // --8<-- [start:read]
        public async Task<string[]> GetAsync(string category)
        {
            RedisValue token = Guid.NewGuid().ToString(); // ours alone
            if (await TryCacheAsync(() => ValueOrLockAsync(category, token)) is { } known)
                return known;
            using var third = new PeriodicTimer(LockTtl / 3);
            _ = ExtendAsync(third, category, token); // until the timer is disposed of
            try
            {
                var titles = await LoadAsync(category);
                await TellCacheAsync(() => StoreAsync(category, titles));
                return titles;
            }
            finally { await TellCacheAsync(() => ReleaseAsync(category, token)); }
        }

        /// <summary>The bulkhead: all that is left where there is no lock.</summary>
        async Task<string[]> LoadAsync(string category)
        {
            if (!await room.WaitAsync(TimeSpan.FromSeconds(2)))
            {
                Interlocked.Increment(ref Busy);
                throw new TimeoutException("busy: as many loads as may be are under way");
            }
            try { return await load(category); }
            finally { room.Release(); }
        }
        // --8<-- [end:read]

        // --8<-- [start:lock]
        /// <summary>Return the titles, or null where the caller has to load.</summary>
        async Task<string[]?> ValueOrLockAsync(string category, RedisValue token)
        {
            RedisKey key = CacheKey(category), lockKey = LockKey(category);
            var pause = TimeSpan.FromMilliseconds(40);
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < Wait;)
            {
                if (Decode(await cache.StringGetAsync(key)) is { } known) return known;
                if (await cache.StringSetAsync(lockKey, token, LockTtl, When.NotExists))
                {
                    var cached = await cache.StringGetAsync(key); // the second look
                    if (Decode(cached) is { } stored)
                    {
                        await TellCacheAsync(() => ReleaseAsync(category, token));
                        return stored;
                    }
                    if (cached.IsNull) return null;
                    Interlocked.Increment(ref CorruptValues);
                    await cache.KeyDeleteAsync(key); // or StoreAsync would keep it
                    return null;
                }
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()));
                if (pause < TimeSpan.FromMilliseconds(250)) pause *= 1.2; // poll less
            }
            return null; // the lock is stuck: load without, as far as there is room
        }
        // --8<-- [end:lock]

        // --8<-- [start:store]
        Task<bool> StoreAsync(string category, string[] titles) => cache.StringSetAsync(
            CacheKey(category), JsonSerializer.Serialize(titles),
            Jitter(TimeSpan.FromHours(1)), When.NotExists); // the first one stays

        /// <summary>Extend our lock while we load, for as long as others wait.</summary>
        async Task ExtendAsync(PeriodicTimer third, string category, RedisValue token)
        {
            RedisKey[] keys = [LockKey(category)];
            RedisValue[] values = [token, (long)LockTtl.TotalMilliseconds];
            for (var held = Stopwatch.StartNew(); held.Elapsed < Wait;)
            {
                if (!await third.WaitForNextTickAsync()) return;
                await TellCacheAsync(() => cache.ScriptEvaluateAsync(Extend, keys, values));
            }
        }

        Task<RedisResult> ReleaseAsync(string category, RedisValue token) =>
            cache.ScriptEvaluateAsync(Release, [LockKey(category)], [token]);
        // --8<-- [end:store]

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
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync([CacheKey("scifi"), LockKey("scifi")]); // left by an earlier run
        var loads = 0;
        var books = new Bestsellers(cache, async category =>
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(200); // a slow query
            return ["Dune", "Solaris"];
        });
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")));
        Console.WriteLine($"{answers.Length} readers of a cold key, loads: {loads}");
        await cache.KeyDeleteAsync(CacheKey("scifi"));
        await cache.StringSetAsync(LockKey("scifi"), "a holder that was killed", TimeSpan.FromSeconds(1));
        Console.WriteLine($"a killed holder's lock: {(await books.GetAsync("scifi"))[0]}, loads: {loads}");
        Console.WriteLine($"locks left: {await cache.KeyExistsAsync([LockKey("scifi")])}");
    }
}
