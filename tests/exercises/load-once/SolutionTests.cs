using StackExchange.Redis;
using Xunit;
using static Solution;

/// <summary>What the solution completes, in C#.</summary>
public sealed class SolutionTests : IAsyncLifetime
{
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.AdminAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    static Task<string> Ours(string category) => Task.FromResult("ours");

    [Fact(DisplayName = "solution_loads_once_for_callers_at_once")]
    public async Task SolutionLoadsOnceForCallersAtOnce()
    {
        var shop = new Bestsellers(cache, async category =>
        {
            await Task.Delay(200);
            return $"the best of {category}";
        });
        var found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => shop.GetAsync("books")));
        Assert.All(found, list => Assert.Equal("the best of books", list));
        Assert.Equal(1, shop.DatabaseLoads);
    }

    [Fact(DisplayName = "solution_takes_over_from_a_caller_that_died")]
    public async Task SolutionTakesOverFromACallerThatDied()
    {
        var shop = new Bestsellers(cache, Ours);
        await cache.StringSetAsync(LockKey("books"), "of a dead caller", TimeSpan.FromMilliseconds(300));
        Assert.Equal("ours", await shop.GetAsync("books"));
        Assert.Equal(1, shop.DatabaseLoads);
        Assert.False(await cache.KeyExistsAsync(LockKey("books")));
    }

    [Fact(DisplayName = "solution_does_not_load_again_when_it_gets_the_lock_late")]
    public async Task SolutionDoesNotLoadAgainWhenItGetsTheLockLate()
    {
        var shop = new Bestsellers(Overtaken.By(cache), Ours);
        Assert.Equal("theirs", await shop.GetAsync("books"));
        Assert.Equal(0, shop.DatabaseLoads);
        Assert.False(await cache.KeyExistsAsync(LockKey("books")));
    }

    [Fact(DisplayName = "solution_keeps_the_lock_of_another_caller")]
    public async Task SolutionKeepsTheLockOfAnotherCaller()
    {
        await new Bestsellers(cache, category => Overtaken.LoseLockAsync(cache, category)).GetAsync("books");
        Assert.Equal("theirs", await cache.StringGetAsync(LockKey("books")));
    }

    [Fact(DisplayName = "solution_releases_its_lock_when_the_query_fails")]
    public async Task SolutionReleasesItsLockWhenTheQueryFails()
    {
        var shop = new Bestsellers(cache, _ => throw new InvalidOperationException("no database"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => shop.GetAsync("books"));
        Assert.Equal(0, await cache.KeyExistsAsync([LockKey("books"), CacheKey("books")]));
    }

    [Fact(DisplayName = "solution_keeps_any_category_apart")]
    public async Task SolutionKeepsAnyCategoryApart()
    {
        await cache.StringSetAsync(CacheKey("books"), "others");
        string[] categories = ["*", "' OR 1=1", "книги\n", new string('x', 10_000), ""];
        foreach (var category in categories)
        {
            var shop = new Bestsellers(cache, Ours);
            Assert.Equal("ours", await shop.GetAsync(category));
            Assert.Equal("ours", await shop.GetAsync(category));
            Assert.Equal(1, shop.DatabaseLoads);
        }
        Assert.Equal("others", await cache.StringGetAsync(CacheKey("books")));
    }

    [Fact(DisplayName = "solution_connects_with_a_whole_url")]
    public async Task SolutionConnectsWithAWholeUrl()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await admin.GetServers().Single().ExecuteAsync("ACL", "SETUSER", "shop", "on", ">p@ss", "~*", "+@all");
        await using var shop = await ConnectAsync(server.Url.Replace("://", "://shop:p%40ss@"));
        Assert.Equal("shop", (string?)await shop.GetDatabase().ExecuteAsync("ACL", "WHOAMI"));
    }
}
