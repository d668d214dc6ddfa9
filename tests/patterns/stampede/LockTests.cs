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
        var holder = new Bestsellers(cache, async _ =>
        {
            await Task.Delay(Timeout.Infinite); // killed: it never stores, and never releases
            return [];
        })
        { LockTtl = TimeSpan.FromSeconds(1) };
        _ = holder.GetAsync("scifi");
        while (!await cache.KeyExistsAsync(LockKey("scifi"))) await Task.Delay(5);
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
