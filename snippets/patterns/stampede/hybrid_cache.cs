#:package StackExchange.Redis@3.4.35
#:package Microsoft.Extensions.Caching.Hybrid@10.11.0
#:package Microsoft.Extensions.Caching.StackExchangeRedis@10.0.13
#:package Microsoft.Extensions.DependencyInjection@10.0.13
#:property PublishAot=false
// HybridCache: memory in front of Redis, and one load for each node. What it does not do: tell the other nodes.

using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

static class HybridCaching
{
    public const string Prefix = "cache:hybrid:"; // a type of its own: HybridCache stores hashes
    public static string Key(string category) => $"bestsellers:{category}";

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

    // --8<-- [start:node]
    /// <summary>One process: memory of its own, and the shared Redis.</summary>
    public static ServiceProvider StartNode(IConnectionMultiplexer redis)
    {
        var services = new ServiceCollection();
        services.AddStackExchangeRedisCache(options =>
        {
            options.ConnectionMultiplexerFactory = () => Task.FromResult(redis);
            options.InstanceName = Prefix;
        });
        services.AddHybridCache(options => options.DefaultEntryOptions = new()
        {
            Expiration = TimeSpan.FromHours(1), // in Redis
            LocalCacheExpiration = TimeSpan.FromMinutes(1), // in memory
        });
        return services.BuildServiceProvider();
    }
    // --8<-- [end:node]

    // --8<-- [start:read]
    public sealed class Shop(HybridCache cache, Func<string, Task<string[]>> load)
    {
        public ValueTask<string[]> GetAsync(string category) =>
            cache.GetOrCreateAsync(Key(category), async _ => await load(category));

        public ValueTask ForgetAsync(string category) =>
            cache.RemoveAsync(Key(category));
    }
    // --8<-- [end:read]

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        RedisKey[] keys = [Prefix + Key("scifi"), Prefix + Key("comics")];
        await redis.GetDatabase().KeyDeleteAsync(keys); // left by an earlier run

        var loads = 0;
        var best = "Dune";
        var meet = 1; // loads that have to run together before one of them may end
        var met = new TaskCompletionSource();
        async Task<string[]> Load(string category)
        {
            if (Interlocked.Increment(ref loads) >= meet) met.TrySetResult();
            await met.Task.WaitAsync(TimeSpan.FromSeconds(10));
            return [best];
        }
        await using ServiceProvider nodeA = StartNode(redis), nodeB = StartNode(redis);
        var a = new Shop(nodeA.GetRequiredService<HybridCache>(), Load);
        var b = new Shop(nodeB.GetRequiredService<HybridCache>(), Load);

        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => a.GetAsync("comics").AsTask()));
        Console.WriteLine($"one node, 50 callers, loads: {loads}");

        (loads, meet, met) = (0, 2, new());
        var callers = Enumerable.Range(0, 50).SelectMany(_ => new[] { a.GetAsync("scifi").AsTask(), b.GetAsync("scifi").AsTask() });
        await Task.WhenAll(callers);
        Console.WriteLine($"two nodes with 50 callers each, loads: {loads}");

        best = "Solaris";
        await a.ForgetAsync("scifi");
        Console.WriteLine($"node A forgot the key and reads: {(await a.GetAsync("scifi"))[0]}");
        Console.WriteLine($"node B reads: {(await b.GetAsync("scifi"))[0]}");
        await redis.GetDatabase().KeyDeleteAsync(keys);
    }
}
