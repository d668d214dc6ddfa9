using StackExchange.Redis;
using Xunit;

/// <summary>Nobody loses data to a test in C#: a Redis that we did not start is emptied only where it was empty.</summary>
[Collection(nameof(RedisServerTests))] // not on the Redis that others share
public sealed class RedisServerTests : IAsyncLifetime
{
    RedisServer server = null!;
    ConnectionMultiplexer redis = null!;

    public async Task InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        redis = await ConnectionMultiplexer.ConnectAsync(new Uri(server.Url).Authority);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact(DisplayName = "redis_with_keys_in_another_database_is_not_flushed")]
    public async Task RedisWithKeysInAnotherDatabaseIsNotFlushed()
    {
        await redis.GetDatabase(3).StringSetAsync("precious", "1");
        foreach (var url in new[] { server.Url, $"{server.Url}/1" })
        {
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RedisServer.FlushedAsync(url));
            Assert.Contains("holds keys (db3:keys=1", error.Message);
        }
        Assert.Equal("1", await redis.GetDatabase(3).StringGetAsync("precious"));
    }

    [Fact(DisplayName = "only_the_database_that_the_tests_use_is_flushed")]
    public async Task OnlyTheDatabaseThatTheTestsUseIsFlushed()
    {
        await RedisServer.FlushedAsync(server.Url);
        await redis.GetDatabase().StringSetAsync("ours", "1");
        await redis.GetDatabase(3).StringSetAsync("late", "1");
        await RedisServer.FlushedAsync(server.Url);
        Assert.False(await redis.GetDatabase().KeyExistsAsync("ours"));
        Assert.Equal("1", await redis.GetDatabase(3).StringGetAsync("late"));
    }
}
