using StackExchange.Redis;
using Xunit;
using static StaleWhileRevalidate;

/// <summary>What the page claims of stale-while-revalidate, in C#.</summary>
public sealed class StaleWhileRevalidateTests : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Bestsellers books = null!;
    TaskCompletionSource go = new();
    TaskCompletionSource loading = new();
    long clock = 1000;
    int loads;
    bool broken;

    public async Task InitializeAsync()
    {
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        books = new Bestsellers(cache, LoadAsync) { Now = () => clock };
        go.SetResult();
        Assert.Equal(["load 1"], await books.GetAsync("scifi"));
        loading = new();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    async Task<string[]> LoadAsync(string category)
    {
        var number = Interlocked.Increment(ref loads);
        loading.TrySetResult();
        await go.Task.WaitAsync(Long);
        return broken ? throw new TimeoutException("the database is down") : [$"load {number}"];
    }

    [Fact(DisplayName = "fresh_value_is_served_without_a_refresh")]
    public async Task FreshValueIsServedWithoutARefresh()
    {
        clock += 59;
        Assert.Equal(["load 1"], await books.GetAsync("scifi"));
        await books.Refreshing;
        Assert.Equal(1, loads);
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("scifi")))!.Value.TotalSeconds, 350, 360);
    }

    [Fact(DisplayName = "fifty_readers_of_a_stale_value_wait_for_nothing_and_load_once")]
    public async Task FiftyReadersOfAStaleValueWaitForNothingAndLoadOnce()
    {
        clock += 60;
        go = new(); // the load is under way as long as they read
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi"))).WaitAsync(Long);
        Assert.All(answers, titles => Assert.Equal(["load 1"], titles));
        go.SetResult();
        await books.Refreshing;
        Assert.Equal(["load 2"], await books.GetAsync("scifi"));
        Assert.Equal(2, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("scifi")));
    }

    [Fact(DisplayName = "failed_revalidation_keeps_the_stale_value")]
    public async Task FailedRevalidationKeepsTheStaleValue()
    {
        clock += 60;
        broken = true;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(["load 1"], await books.GetAsync("scifi"));
            await books.Refreshing;
        }
        Assert.Equal(2, loads); // the lock stays, and delays the next try
        Assert.Equal(1, books.FailedRefreshes);
        Assert.InRange((await cache.KeyTimeToLiveAsync(LockKey("scifi")))!.Value, TimeSpan.Zero, LockTtl);
    }

    [Fact(DisplayName = "delete_during_a_revalidation_is_not_undone")]
    public async Task DeleteDuringARevalidationIsNotUndone()
    {
        clock += 60;
        go = new();
        await books.GetAsync("scifi");
        await loading.Task.WaitAsync(Long);
        await cache.KeyDeleteAsync(CacheKey("scifi")); // a writer has changed the rows
        go.SetResult();
        await books.Refreshing;
        Assert.False(await cache.KeyExistsAsync(CacheKey("scifi")));
    }

    [Fact(DisplayName = "reader_that_is_late_for_a_revalidation_does_not_repeat_it")]
    public async Task ReaderThatIsLateForARevalidationDoesNotRepeatIt()
    {
        clock += 60;
        var overtaken = LockTests.Before.SetOf(cache, LockKey("scifi"), async () =>
        {
            await books.GetAsync("scifi");
            await books.Refreshing;
        });
        var late = new Bestsellers(overtaken, LoadAsync) { Now = () => clock };
        Assert.Equal(["load 1"], await late.GetAsync("scifi"));
        await late.Refreshing;
        Assert.Equal(2, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("scifi")));
    }

    [Fact(DisplayName = "redis_down_loads_instead_of_serving_stale")]
    public async Task RedisDownLoadsInsteadOfServingStale()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        books = new Bestsellers(own.GetDatabase(), LoadAsync);
        await books.GetAsync("scifi");
        server.Kill();
        Assert.Equal(["load 3"], await books.GetAsync("scifi"));
        Assert.Equal(2, books.CacheErrors);
    }

    [Fact(DisplayName = "hostile_categories_stay_apart")]
    public async Task HostileCategoriesStayApart()
    {
        foreach (var category in new[] { "*", "' OR '1'='1", "ключ\n", new string('x', 10_000) })
            Assert.Equal(await books.GetAsync(category), await books.GetAsync(category));
        Assert.Equal(5, loads);
    }

    [Fact(DisplayName = "old_value_is_served_for_six_minutes_at_most")]
    public async Task OldValueIsServedForSixMinutesAtMost()
    {
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("scifi")))!.Value.TotalSeconds, 350, 360);
        clock -= 3600; // set back: it now says fresh for an hour
        await cache.KeyExpireAsync(CacheKey("scifi"), TimeSpan.FromSeconds(100));
        Assert.Equal(["load 1"], await books.GetAsync("scifi"));
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("scifi")))!.Value.TotalSeconds, 0, 100);
        await cache.KeyDeleteAsync(CacheKey("scifi")); // its time is up
        Assert.Equal(["load 2"], await books.GetAsync("scifi"));
    }

    [Fact(DisplayName = "corrupt_entry_is_a_counted_miss")]
    public async Task CorruptEntryIsACountedMiss()
    {
        RedisValue[] corrupts = [
            new byte[] { 0xff, 0xfe }, "", "not json", "null", "5", "NaN", "[\"Dune\"]", "{\"value\":[\"Dune\"]}",
            "{\"value\":[\"Dune\"],\"fresh_until\":NaN}", "{\"value\":[\"Dune\"],\"fresh_until\":null}",
            "{\"value\":[null],\"fresh_until\":5}", "{\"value\":null,\"fresh_until\":5}", new string('[', 100_000)];
        foreach (var (count, corrupt) in corrupts.Index())
        {
            await cache.StringSetAsync(CacheKey("scifi"), corrupt);
            Assert.Equal([$"load {count + 2}"], await books.GetAsync("scifi"));
            var stored = $"{{\"value\":[\"load {count + 2}\"],\"fresh_until\":1060}}"; // so in each language
            Assert.Equal(stored, await cache.StringGetAsync(CacheKey("scifi")));
            Assert.Equal(count + 1, books.CorruptValues);
        }
    }

    [Fact(DisplayName = "refused_refresh_keeps_the_stale_value")]
    public async Task RefusedRefreshKeepsTheStaleValue()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        books = new Bestsellers(own.GetDatabase(), LoadAsync) { Now = () => clock };
        Assert.Equal(["load 2"], await books.GetAsync("scifi"));
        clock += 60;
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        Assert.Equal(["load 2"], await books.GetAsync("scifi"));
        Assert.Equal((2, 1), (loads, books.RefusedWrites));
    }
}
