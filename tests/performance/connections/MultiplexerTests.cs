using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Data.Sqlite;
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

    [Fact(DisplayName = "idle_multiplexer_knocks_a_few_times_a_second_at_most")]
    public async Task IdleMultiplexerKnocksAFewTimesASecondAtMost()
    {
        var connects = typeof(Multiplexer).Assembly.GetTypes().SelectMany(type => type.GetMethods(Statics))
            .Where(method => method.Name == "ConnectAsync" && method.ReturnType == typeof(Task<ConnectionMultiplexer>));
        var knocks = await Task.WhenAll(connects.Select(KnocksAsync));
        Assert.True(knocks.Length > 5);
        Assert.All(knocks, one => Assert.True(one.Count is > 1 and <= 2 * 26, $"{one.Program}: {one.Count} attempts in 10 s"));
    }

    const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>How often a connection that nobody uses knocks within 10 s where each is sent away at once. It has two.</summary>
    static async Task<(string? Program, int Count)> KnocksAsync(MethodInfo connect)
    {
        using var door = new TcpListener(IPAddress.Loopback, 0);
        door.Start();
        var count = 0;
        async Task SendAwayAsync()
        {
            for (; ; count++) (await door.AcceptTcpClientAsync()).Dispose();
        }
        _ = SendAwayAsync();
        var rest = connect.GetParameters().Skip(1).Select(one => one.DefaultValue);
        await using var redis = await (Task<ConnectionMultiplexer>)connect.Invoke(null, [$"redis://{door.LocalEndpoint}", .. rest])!;
        Interlocked.Exchange(ref count, 0); // but for its first tries
        await Task.Delay(10_000);
        return (connect.DeclaringType?.Name, count);
    }

    [Fact(DisplayName = "multiplexer_fits_cache_aside")]
    public async Task MultiplexerFitsCacheAside()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("""
            CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT);
            INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')
            """, db).ExecuteNonQueryAsync();
        var users = new CacheAside.Users(redis.GetDatabase(), db);
        await redis.GetDatabase().PingAsync();
        server.Kill();
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new("1", "Grace", "grace@example.com"));
        Assert.Equal("Grace", (await users.GetAsync("1"))?.Name);
        Assert.Equal(5, users.CacheErrors);
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
