using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;
using static Multiplexer;

/// <summary>What the connections page claims of StackExchange.Redis.</summary>
[Collection(nameof(MultiplexerTests))] // not on the Redis that others share
public sealed class MultiplexerTests
{
    /// <summary>How many connections the server has accepted so far, by its own count.</summary>
    static async Task<long> AcceptedAsync(ConnectionMultiplexer admin)
    {
        var stats = await admin.GetServers().Single().InfoAsync("stats");
        return long.Parse(stats.Single().Single(field => field.Key == "total_connections_received").Value);
    }

    [Fact(DisplayName = "hundred_parallel_gets_use_constant_connections")]
    public async Task HundredParallelGetsUseConstantConnections()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        var redis = await ConnectAsync(server.Url);
        await using var services = Register(redis);
        await redis.GetSubscriber().PingAsync();
        await admin.GetSubscriber().PingAsync();
        for (var id = 0; id < 100; id++)
            await admin.GetDatabase().StringSetAsync($"demo:greeting:{id}", $"hello {id}");

        var (accepted, opened) = (await AcceptedAsync(admin), Opened(redis));
        var answers = await GetAllAsync(services, 100);
        Assert.Equal(Enumerable.Range(0, 100).Select(id => $"hello {id}"), answers);
        Assert.Equal(accepted, await AcceptedAsync(admin));
        Assert.Equal(opened, Opened(redis));
        Assert.Equal(2, opened); // one for commands, one for subscriptions
    }

    [Fact(DisplayName = "every_service_gets_the_same_multiplexer")]
    public async Task EveryServiceGetsTheSameMultiplexer()
    {
        await using var server = await RedisServer.StartAsync();
        var redis = await ConnectAsync(server.Url);
        await using (var services = Register(redis))
        {
            using var scope = services.CreateScope();
            Assert.Same(redis, services.GetRequiredService<IConnectionMultiplexer>());
            Assert.Same(redis, scope.ServiceProvider.GetRequiredService<IConnectionMultiplexer>());
            Assert.Null(await services.GetRequiredService<Greetings>().GetAsync(1));
        }
        Assert.False(redis.IsConnected); // the container has disposed it

        await using var own = await ConnectAsync(server.Url);
        await using (Register(own)) { }
        Assert.True(own.IsConnected); // nobody had asked for it
    }

    [Fact(DisplayName = "multiplexer_logs_in_by_its_url")]
    public async Task MultiplexerLogsInByItsUrl()
    {
        await using var server = await RedisServer.StartAsync();
        await using (var admin = await RedisServer.AdminAsync(server.Url))
            await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "ada", "on", ">s@crt", "+@all", "~*", "&*");
        await using var redis = await ConnectAsync(server.Url.Replace("//", "//ada:s%40crt@"));
        Assert.Equal("ada", $"{await redis.GetDatabase().ExecuteAsync("ACL", "WHOAMI")}");
    }

    [Fact(DisplayName = "command_sent_meanwhile_fails_at_once")]
    public async Task CommandSentMeanwhileFailsAtOnce()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        var db = redis.GetDatabase();
        await db.PingAsync();
        server.Kill();
        for (var waited = Stopwatch.StartNew(); redis.IsConnected; await Task.Delay(20))
            Assert.True(waited.Elapsed.TotalSeconds < 20, "it finds out that the connection is lost");
        var get = db.StringGetAsync("demo:greeting:1");
        Assert.True(get.IsCompleted, "the command waits");
        await Assert.ThrowsAsync<RedisConnectionException>(() => get);
    }

    [Fact(DisplayName = "default_heartbeat_finds_a_timeout_late")]
    public async Task DefaultHeartbeatFindsATimeoutLate()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{new Uri(server.Url).Authority},asyncTimeout=100");
        var db = redis.GetDatabase();
        await db.PingAsync();
        await server.FreezeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => db.StringGetAsync("demo:greeting:1")); // ends with a heartbeat
        var waited = Stopwatch.StartNew();
        await Assert.ThrowsAnyAsync<Exception>(() => db.StringGetAsync("demo:greeting:1")); // and this with the next
        Assert.True(waited.Elapsed.TotalSeconds > 0.5, $"found after {waited.Elapsed}");
    }

    [Fact(DisplayName = "recovers_after_server_restart")]
    public async Task RecoversAfterServerRestart()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        var db = redis.GetDatabase();
        Assert.True(await db.StringSetAsync("demo:greeting:1", "hello"));

        server.Kill();
        await Assert.ThrowsAnyAsync<RedisException>(() => db.StringGetAsync("demo:greeting:1"));

        await using var again = await server.StartAgainAsync();
        Exception? failure = null;
        for (var waited = Stopwatch.StartNew(); waited.Elapsed.TotalSeconds < 20; await Task.Delay(100))
        {
            failure = await Record.ExceptionAsync(() => db.StringSetAsync("demo:greeting:1", "again"));
            if (failure is null) break;
        }
        Assert.Null(failure);
        Assert.Equal("again", await db.StringGetAsync("demo:greeting:1"));
    }
}
