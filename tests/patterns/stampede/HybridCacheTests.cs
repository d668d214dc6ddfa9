using System.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;
using static HybridCaching;

/// <summary>What the stampede page claims of HybridCache.</summary>
public sealed class HybridCacheTests : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    readonly TaskCompletionSource go = new();
    readonly List<ServiceProvider> nodes = [];
    ConnectionMultiplexer redis = null!;
    string best = "Dune";
    int loads;

    public async Task InitializeAsync() =>
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());

    public async Task DisposeAsync()
    {
        foreach (var node in nodes) await node.DisposeAsync();
        await redis.DisposeAsync();
    }

    /// <summary>A process of its own, as far as HybridCache can tell.</summary>
    Shop Node(Func<string, Task<string[]>> load)
    {
        nodes.Add(StartNode(redis));
        return new Shop(nodes[^1].GetRequiredService<HybridCache>(), load);
    }

    Task<string[]> Load(string category)
    {
        Interlocked.Increment(ref loads);
        return Task.FromResult<string[]>([best]);
    }

    [Fact(DisplayName = "hybrid_cache_fifty_callers_on_one_node_load_once")]
    public async Task FiftyCallersOnOneNodeLoadOnce()
    {
        var node = Node(async category =>
        {
            await go.Task.WaitAsync(Long);
            return await Load(category);
        });
        var callers = Enumerable.Range(0, 50).Select(_ => node.GetAsync("scifi").AsTask()).ToArray();
        go.SetResult();
        Assert.All(await Task.WhenAll(callers), titles => Assert.Equal(["Dune"], titles));
        Assert.Equal(1, loads);
    }

    [Fact(DisplayName = "hybrid_cache_two_nodes_load_twice")]
    public async Task TwoNodesLoadTwice()
    {
        async Task<string[]> LoadTogether(string category)
        {
            if (Interlocked.Increment(ref loads) == 2) go.SetResult();
            await go.Task.WaitAsync(Long); // until both nodes load
            return [best];
        }
        Shop a = Node(LoadTogether), b = Node(LoadTogether);
        var callers = Enumerable.Range(0, 50).SelectMany(_ => new[] { a.GetAsync("scifi"), b.GetAsync("scifi") });
        await Task.WhenAll(callers.Select(caller => caller.AsTask()).ToArray());
        Assert.Equal(2, loads);
    }

    [Fact(DisplayName = "hybrid_cache_second_node_finds_in_redis_what_the_first_stored")]
    public async Task SecondNodeFindsInRedisWhatTheFirstStored()
    {
        Assert.Equal(["Dune"], await Node(Load).GetAsync("scifi"));
        Assert.Equal(["Dune"], await Node(Load).GetAsync("scifi"));
        Assert.Equal(1, loads);
    }

    [Fact(DisplayName = "hybrid_cache_remove_on_one_node_leaves_the_other_stale")]
    public async Task RemoveOnOneNodeLeavesTheOtherStale()
    {
        Shop a = Node(Load), b = Node(Load);
        Assert.Equal(["Dune"], await a.GetAsync("scifi"));
        Assert.Equal(["Dune"], await b.GetAsync("scifi"));
        best = "Solaris";
        await a.ForgetAsync("scifi");
        Assert.Equal(["Solaris"], await a.GetAsync("scifi"));
        Assert.Equal(["Dune"], await b.GetAsync("scifi"));
    }

    [Fact(DisplayName = "hybrid_cache_keeps_a_hash_in_redis")]
    public async Task KeepsAHashInRedis()
    {
        await Node(Load).GetAsync("scifi");
        var key = Prefix + Key("scifi");
        Assert.Equal(RedisType.Hash, await redis.GetDatabase().KeyTypeAsync(key));
        var fields = (await redis.GetDatabase().HashKeysAsync(key)).Select(field => field.ToString());
        Assert.Equal(["absexp", "data", "sldexp"], fields.Order());
        Assert.InRange((await redis.GetDatabase().KeyTimeToLiveAsync(key))!.Value.TotalSeconds, 3500, 3600);
    }

    [Fact(DisplayName = "hybrid_cache_without_redis_answers_a_miss_at_once")]
    public async Task HybridCacheWithoutRedisAnswersAMissAtOnce()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        server.Kill();
        await using var node = StartNode(own);
        var shop = new Shop(node.GetRequiredService<HybridCache>(), Load);
        await shop.GetAsync("the first may find the connection as it breaks");
        var watch = Stopwatch.StartNew();
        Assert.Equal(["Dune"], await shop.GetAsync("scifi"));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 2); // with five seconds of patience, it is more
    }

    [Fact(DisplayName = "hybrid_cache_starts_without_redis")]
    public async Task HybridCacheStartsWithoutRedis()
    {
        await using var own = await ConnectAsync("redis://127.0.0.1:1");
        await using var node = StartNode(own);
        Assert.Equal(["Dune"], await new Shop(node.GetRequiredService<HybridCache>(), Load).GetAsync("scifi"));
    }
}
