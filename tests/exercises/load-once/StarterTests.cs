using System.Reflection;
using StackExchange.Redis;
using Xunit;
using static Starter;

/// <summary>What is missing in the starter, in C#.</summary>
public sealed class StarterTests : IAsyncLifetime
{
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.AdminAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    [Fact(DisplayName = "starter_loads_though_the_lock_is_taken")]
    public async Task StarterLoadsThoughTheLockIsTaken()
    {
        var shop = new Bestsellers(cache, _ => Task.FromResult("ours"));
        await cache.StringSetAsync(LockKey("books"), "theirs", TimeSpan.FromSeconds(10));
        Assert.Equal("ours", await shop.GetAsync("books"));
        Assert.Equal(1, shop.DatabaseLoads);
        Assert.Equal("theirs", await cache.StringGetAsync(LockKey("books"))); // it did not wait for that to expire
    }

    [Fact(DisplayName = "starter_loads_again_when_it_gets_the_lock_late")]
    public async Task StarterLoadsAgainWhenItGetsTheLockLate()
    {
        var shop = new Bestsellers(Overtaken.By(cache), _ => Task.FromResult("ours"));
        Assert.Equal("ours", await shop.GetAsync("books"));
        Assert.Equal(1, shop.DatabaseLoads);
    }

    [Fact(DisplayName = "starter_deletes_the_lock_of_another_caller")]
    public async Task StarterDeletesTheLockOfAnotherCaller()
    {
        await new Bestsellers(cache, category => Overtaken.LoseLockAsync(cache, category)).GetAsync("books");
        Assert.False(await cache.KeyExistsAsync(LockKey("books")));
    }
}

/// <summary>A Redis in which another caller stores its list just before one asks for the lock.</summary>
public class Overtaken : DispatchProxy
{
    IDatabase cache = null!;

    public static IDatabase By(IDatabase cache)
    {
        var proxy = Create<IDatabase, Overtaken>();
        ((Overtaken)(object)proxy).cache = cache;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? method, object?[]? arguments)
    {
        if (method!.Name == nameof(IDatabase.StringSetAsync) && arguments![0] is RedisKey key && key == LockKey("books"))
            cache.StringSet(CacheKey("books"), "theirs", TimeSpan.FromMinutes(1));
        return method.Invoke(cache, arguments);
    }

    /// <summary>A query that outlasts its caller's lock: meanwhile another caller takes it.</summary>
    public static async Task<string> LoseLockAsync(IDatabase cache, string category)
    {
        await cache.StringSetAsync(LockKey(category), "theirs", TimeSpan.FromSeconds(10));
        return "ours";
    }
}
