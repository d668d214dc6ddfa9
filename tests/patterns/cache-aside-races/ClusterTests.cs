using System.Diagnostics;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static Cluster;

/// <summary>A cluster of two shards, in C#.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    readonly SqliteConnection db = new("Data Source=:memory:");

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)", db).ExecuteNonQueryAsync();
        for (var id = 0; id < 20; id++)
            await new SqliteCommand($"INSERT INTO users VALUES ('{id}', 'Ada', 'ada@example.com')", db).ExecuteNonQueryAsync();
    }

    public async Task DisposeAsync() => await db.DisposeAsync();

    [Fact(DisplayName = "cluster_client_reaches_both_shards")]
    public async Task ClusterClientReachesBothShards()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_CLUSTER_URL");
        await using var admin = await RedisServer.FlushedClusterAsync(url);
        await using var redis = await ConnectAsync(url!);
        var users = new Users(redis.GetDatabase(), db);
        for (var i = 0; i < 40; i++)
            Assert.Equal(new User($"{i % 20}", "Ada", "ada@example.com"), await users.GetAsync($"{i % 20}"));
        Assert.Equal((20, 0), (users.DatabaseReads, users.CacheErrors));
        var sizes = await Task.WhenAll(admin.GetServers().Select(shard => shard.DatabaseSizeAsync()));
        Assert.Equal([8, 12], sizes.Order());
    }

    [Fact(DisplayName = "cluster_that_is_down_at_start_costs_the_cache_only")]
    public async Task ClusterThatIsDownAtStartCostsTheCacheOnly()
    {
        await using var redis = await ConnectAsync("redis://127.0.0.1:1");
        var users = new Users(redis.GetDatabase(), db);
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        Assert.Equal((1, 2), (users.DatabaseReads, users.CacheErrors));
    }

    /// <summary>By default a cluster serves all slots or none.</summary>
    [Fact(DisplayName = "clusterdown_is_counted_as_an_outage")]
    public async Task ClusterdownIsCountedAsAnOutage()
    {
        await using var server = await RedisServer.StartClusterAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var redis = await ConnectAsync(server.Url);
        var users = new Users(redis.GetDatabase(), db);
        await users.GetAsync("1");
        var node = admin.GetServers().Single();
        await node.ExecuteAsync("CLUSTER", "DELSLOTS", "0");
        await RedisServer.UntilClusterAsync(node, "fail");
        var down = await Assert.ThrowsAsync<RedisServerException>(() => redis.GetDatabase().StringGetAsync("cache:user:1"));
        Assert.StartsWith("CLUSTERDOWN", down.Message);
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        Assert.Equal((2, 2, 0), (users.DatabaseReads, users.CacheErrors, users.Mistakes));
    }

    [Fact(DisplayName = "cluster_that_cannot_be_reached_costs_the_cache_only")]
    public async Task ClusterThatCannotBeReachedCostsTheCacheOnly()
    {
        foreach (var frozen in new[] { true, false })
        {
            await using var server = await RedisServer.StartClusterAsync();
            await using var redis = await ConnectAsync(server.Url);
            var users = new Users(redis.GetDatabase(), db);
            await users.GetAsync("1");
            if (frozen) await server.FreezeAsync();
            else server.Kill();
            var waited = Stopwatch.StartNew();
            Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
            Assert.InRange(waited.Elapsed.TotalSeconds, 0, 3); // GET and SET, 0.5 s each
            Assert.Equal((2, 2), (users.DatabaseReads, users.CacheErrors));
        }
    }

    /// <summary>Under the same key cache-aside leaves a marker, and anyone may leave anything.</summary>
    [Fact(DisplayName = "value_of_another_file_is_read_rightly")]
    public async Task ValueOfAnotherFileIsReadRightly()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_CLUSTER_URL");
        await using var admin = await RedisServer.FlushedClusterAsync(url);
        await using var redis = await ConnectAsync(url!);
        var users = new Users(redis.GetDatabase(), db);
        await redis.GetDatabase().StringSetAsync("cache:user:1", "missing", TimeSpan.FromMinutes(1));
        Assert.Null(await users.GetAsync("1"));
        RedisValue[] corrupt = [(byte[])[0xff], "{", "NaN", "null", """{"id":"1"}"""];
        foreach (var value in corrupt)
        {
            await redis.GetDatabase().StringSetAsync("cache:user:1", value, TimeSpan.FromMinutes(1));
            Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        }
        Assert.Equal(corrupt.Length, users.CorruptValues);
    }
}
