using System.Diagnostics;
using System.Reflection;
using StackExchange.Redis;
using Xunit;
using static StampedeLock;

/// <summary>What the stampede page claims of the lock, in C#.</summary>
public sealed class LockTests : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    int loads;

    public async Task InitializeAsync()
    {
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    async Task<string[]> LoadAsync(string category)
    {
        var number = Interlocked.Increment(ref loads);
        await Task.Delay(100);
        return [$"load {number}"];
    }

    [Fact(DisplayName = "fifty_threads_load_once")]
    public async Task FiftyThreadsLoadOnce()
    {
        var books = new Bestsellers(cache, LoadAsync) { Wait = Long };
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => books.GetAsync("scifi"))));
        Assert.All(answers, titles => Assert.Equal(["load 1"], titles));
        Assert.Equal(1, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("scifi")));
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("scifi")))!.Value.TotalSeconds, 3239, 3960);
    }

    /// <summary>The schedule in which a lock without a second look loads twice.</summary>
    [Fact(DisplayName = "reader_that_missed_before_the_store_loads_nothing")]
    public async Task ReaderThatMissedBeforeTheStoreLoadsNothing()
    {
        var other = new Bestsellers(cache, _ => Task.FromResult<string[]>(["the other's"]));
        var overtaken = Before.SetOf(cache, LockKey("scifi"), () => other.GetAsync("scifi"));
        Assert.Equal(["the other's"], await new Bestsellers(overtaken, LoadAsync).GetAsync("scifi"));
        Assert.Equal(0, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("scifi")));
    }

    [Fact(DisplayName = "killed_holder_delays_the_next_load_by_at_most_the_lock_ttl")]
    public async Task KilledHolderDelaysTheNextLoadByAtMostTheLockTtl()
    {
        var killed = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        var holder = new Bestsellers(killed.GetDatabase(), async _ =>
        {
            await Task.Delay(Timeout.Infinite); // it never stores, and never releases
            return [];
        })
        { LockTtl = TimeSpan.FromSeconds(1) };
        _ = holder.GetAsync("scifi");
        while (!await cache.KeyExistsAsync(LockKey("scifi"))) await Task.Delay(5);
        await killed.DisposeAsync(); // nor can it extend its lock
        var waited = Stopwatch.StartNew();
        Assert.Equal(["load 1"], await new Bestsellers(cache, LoadAsync) { Wait = Long }.GetAsync("scifi"));
        Assert.InRange(waited.Elapsed.TotalSeconds, 0, 1 + 5); // one poll later, on a busy machine
        Assert.Equal(1, loads);
    }

    [Fact(DisplayName = "all_who_wait_for_a_killed_holder_load_once")]
    public async Task AllWhoWaitForAKilledHolderLoadOnce()
    {
        await cache.StringSetAsync(LockKey("scifi"), "a killed holder", TimeSpan.FromMilliseconds(300));
        var books = new Bestsellers(cache, LoadAsync) { Wait = Long };
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")));
        Assert.All(answers, titles => Assert.Equal(["load 1"], titles));
        Assert.Equal(1, loads);
    }

    [Fact(DisplayName = "late_holder_does_not_release_anothers_lock")]
    public async Task LateHolderDoesNotReleaseAnothersLock()
    {
        var late = new Bestsellers(cache, async _ =>
        {
            await cache.KeyDeleteAsync(LockKey("scifi")); // its time is up
            Assert.True(await cache.StringSetAsync(LockKey("scifi"), "another's token", Long, When.NotExists));
            return ["Dune"];
        });
        Assert.Equal(["Dune"], await late.GetAsync("scifi"));
        Assert.Equal("another's token", await cache.StringGetAsync(LockKey("scifi")));
    }

    [Fact(DisplayName = "late_holder_does_not_overwrite_what_another_stored")]
    public async Task LateHolderDoesNotOverwriteWhatAnotherStored()
    {
        var late = new Bestsellers(cache, async _ =>
        {
            await cache.KeyDeleteAsync(LockKey("scifi")); // its time is up, and another loads
            await new Bestsellers(cache, _ => Task.FromResult<string[]>(["newer"])).GetAsync("scifi");
            return ["older"];
        });
        Assert.Equal(["older"], await late.GetAsync("scifi"));
        Assert.Equal(["newer"], await new Bestsellers(cache, LoadAsync).GetAsync("scifi"));
    }

    [Fact(DisplayName = "overtaken_holder_leaves_the_old_value_until_its_ttl")]
    public async Task OvertakenHolderLeavesTheOldValueUntilItsTtl()
    {
        var overtaken = new Bestsellers(cache, async _ =>
        {
            await cache.KeyDeleteAsync(CacheKey("scifi")); // a writer has committed since our SELECT
            return ["old"];
        });
        await overtaken.GetAsync("scifi");
        Assert.Equal(["old"], await new Bestsellers(cache, LoadAsync).GetAsync("scifi"));
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("scifi")))!.Value.TotalSeconds, 3239, 3960);
    }

    [Fact(DisplayName = "stuck_lock_is_waited_for_only_so_long")]
    public async Task StuckLockIsWaitedForOnlySoLong()
    {
        await cache.StringSetAsync(LockKey("scifi"), "stuck");
        var books = new Bestsellers(cache, LoadAsync) { Wait = TimeSpan.FromSeconds(0.3) };
        Assert.Equal(["load 1"], await books.GetAsync("scifi").WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Equal("stuck", await cache.StringGetAsync(LockKey("scifi")));
    }

    [Fact(DisplayName = "lock_fails_open_when_redis_is_down")]
    public async Task RedisDownStillLoads()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        var books = new Bestsellers(own.GetDatabase(), LoadAsync) { Wait = Long };
        server.Kill();
        Assert.Equal(["load 1"], await books.GetAsync("scifi").WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(3, books.CacheErrors); // the look, the SET, the release
    }

    [Fact(DisplayName = "failed_load_raises_and_releases_the_lock")]
    public async Task FailedLoadRaisesAndReleasesTheLock()
    {
        var broken = new Bestsellers(cache, _ => throw new TimeoutException("the database is down"));
        await Assert.ThrowsAsync<TimeoutException>(() => broken.GetAsync("scifi"));
        Assert.Equal(0, await cache.KeyExistsAsync([LockKey("scifi"), CacheKey("scifi")]));
        Assert.Equal(["load 1"], await new Bestsellers(cache, LoadAsync).GetAsync("scifi"));
    }

    [Fact(DisplayName = "empty_category_is_cached_too")]
    public async Task EmptyCategoryIsCachedToo()
    {
        var books = new Bestsellers(cache, _ => Task.FromResult(new string[Interlocked.Increment(ref loads) * 0]));
        foreach (var category in new[] { "*", "' OR '1'='1", "ключ\n", new string('x', 10_000) })
        {
            Assert.Empty(await books.GetAsync(category));
            Assert.Empty(await books.GetAsync(category));
        }
        Assert.Equal(4, loads);
    }

    [Fact(DisplayName = "three_hundred_callers_load_once")]
    public async Task ThreeHundredCallersLoadOnce()
    {
        var books = new Bestsellers(cache, LoadAsync);
        var answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => books.GetAsync("scifi")));
        Assert.All(answers, titles => Assert.Equal(["load 1"], titles));
        Assert.Equal((1, 0), (loads, books.CacheErrors));
    }

    [Fact(DisplayName = "load_of_twice_the_locks_ttl_is_still_one")]
    public async Task LoadOfTwiceTheLocksTtlIsStillOne()
    {
        var books = new Bestsellers(cache, async _ =>
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(TimeSpan.FromSeconds(10));
            return ["Dune"];
        });
        Assert.Equal(TimeSpan.FromSeconds(10), 2 * books.LockTtl);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")));
        Assert.All(answers, titles => Assert.Equal(["Dune"], titles));
        Assert.Equal(1, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("scifi")));
    }

    /// <summary>Let so many ask while Redis is down; the loads that begin wait until `until` holds.</summary>
    static async Task<(Bestsellers Books, int Most, Task<string[]>[] Answers)> WithoutRedisAsync(
        int count, Func<Bestsellers, int, bool> until)
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        var (now, most, gate, go) = (0, 0, new object(), new TaskCompletionSource());
        var books = new Bestsellers(own.GetDatabase(), async _ =>
        {
            lock (gate) most = Math.Max(most, ++now);
            await go.Task.WaitAsync(Long);
            lock (gate) now--;
            return ["Dune"];
        });
        server.Kill();
        var answers = Enumerable.Range(0, count).Select(_ => books.GetAsync("scifi")).ToArray();
        while (!until(books, now)) await Task.Delay(5);
        go.SetResult();
        await Task.WhenAll(answers.Select(answer => answer.ContinueWith(_ => { }, TaskScheduler.Default)));
        return (books, most, answers);
    }

    [Fact(DisplayName = "ten_load_at_once_where_there_is_no_lock")]
    public async Task TenLoadAtOnceWhereThereIsNoLock()
    {
        var (_, most, answers) = await WithoutRedisAsync(50, (_, now) => now == 10);
        foreach (var answer in answers) Assert.Equal(["Dune"], await answer);
        Assert.Equal(10, most);
    }

    [Fact(DisplayName = "who_finds_no_room_to_load_is_told_so")]
    public async Task WhoFindsNoRoomToLoadIsToldSo()
    {
        var (_, most, answers) = await WithoutRedisAsync(11, (books, _) => books.Busy == 1);
        var refused = Assert.Single(answers, answer => answer.IsFaulted);
        Assert.StartsWith("busy: ", (await Assert.ThrowsAsync<TimeoutException>(() => refused)).Message);
        Assert.Equal(10, most);
    }

    [Fact(DisplayName = "refused_lock_is_no_lock_and_loads")]
    public async Task RefusedLockIsNoLockAndLoads()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        var books = new Bestsellers(own.GetDatabase(), LoadAsync);
        Assert.Equal(["load 1"], await books.GetAsync("scifi"));
        Assert.Equal((2, 0, 0), (books.RefusedWrites, books.CacheErrors, books.Mistakes)); // the lock, and the SET
    }

    [Fact(DisplayName = "moved_is_an_error_of_the_lock_not_a_load")]
    public async Task MovedIsAnErrorOfTheLockNotALoad()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_CLUSTER_URL")!;
        await using var admin = await RedisServer.FlushedClusterAsync(url);
        foreach (var shard in admin.GetServers())
            await shard.ExecuteAsync("ACL", "SETUSER", "unaware", "on", ">secret", "~*", "+@all", "-cluster");
        await using var unaware = await ConnectAsync(url.Replace("://", "://unaware:secret@"));
        var books = new Bestsellers(unaware.GetDatabase(), LoadAsync);
        var moved = 0;
        for (var i = 0; i < 20; i++)
        {
            if (await Record.ExceptionAsync(() => books.GetAsync($"{i}")) is not { } error) continue;
            Assert.Contains("serving hashslot", Assert.IsType<RedisConnectionException>(error).Message);
            moved++;
        }
        foreach (var shard in admin.GetServers())
            await shard.ExecuteAsync("ACL", "DELUSER", "unaware");
        Assert.Equal((20, 0), (moved + loads, books.CacheErrors));
        Assert.True(moved > 5, $"{moved}");
    }

    [Fact(DisplayName = "corrupt_value_under_the_lock_is_a_counted_miss")]
    public async Task CorruptValueUnderTheLockIsACountedMiss()
    {
        var books = new Bestsellers(cache, LoadAsync);
        RedisValue[] corrupts = [
            new byte[] { 0xff, 0xfe }, "", "not json", "null", "5", "NaN", "[NaN]", "[1]", "[\"Dune\", null]",
            "{\"value\": []}", new string('[', 100_000)];
        foreach (var corrupt in corrupts)
        {
            await cache.StringSetAsync(CacheKey("scifi"), corrupt);
            var titles = await books.GetAsync("scifi");
            Assert.Equal([$"load {loads}"], titles);
            Assert.Equal($"[\"load {loads}\"]", await cache.StringGetAsync(CacheKey("scifi"))); // so in each language
            Assert.Equal(loads, books.CorruptValues);
        }
        Assert.Equal(corrupts.Length, loads);
    }

    /// <summary>A database in which something happens just before the first SET of a key.</summary>
    public class Before : DispatchProxy
    {
        IDatabase real = null!;
        RedisKey key;
        Func<Task>? happens;

        public static IDatabase SetOf(IDatabase real, string key, Func<Task> happens)
        {
            var proxy = Create<IDatabase, Before>();
            ((Before)(object)proxy).real = real;
            ((Before)(object)proxy).key = key;
            ((Before)(object)proxy).happens = happens;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            if (happens is { } first && method!.Name == "StringSetAsync" && key.Equals(arguments![0]))
            {
                happens = null;
                Task.Run(first).Wait();
            }
            return method!.Invoke(real, arguments);
        }
    }
}
