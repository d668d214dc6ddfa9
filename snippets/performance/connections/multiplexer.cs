#:package StackExchange.Redis@3.4.35
#:package Microsoft.Extensions.DependencyInjection@10.0.13
#:property PublishAot=false
// One multiplexer for the process: all callers share it, services get it by dependency injection.

using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

static class Multiplexer
{
    // --8<-- [start:connect]
    /// <summary>Connect once, when the process starts. Times are in ms.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(
        string url) // differs: keeps alive, and backs off
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
            BacklogPolicy = BacklogPolicy.FailFast, // meanwhile, fail at once
            ConnectTimeout = 500,
            ReconnectRetryPolicy = new ExponentialRetry(500, 5000), // connections only
            AsyncTimeout = 500, // a lost command fails, and is not sent again
            SyncTimeout = 500, // for calls without await; both are 5 s by default
            HeartbeatInterval = TimeSpan.FromMilliseconds(50), // finds timeouts
            // a push that announces maintenance would stretch the timeouts
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
            KeepAlive = 60, // s; sends something where nobody else does
        });
    }
    // --8<-- [end:connect]

    // --8<-- [start:register]
    /// <summary>Every service that asks gets the same multiplexer.</summary>
    public static ServiceProvider Register(IConnectionMultiplexer redis) =>
        new ServiceCollection()
            .AddSingleton(_ => redis) // the provider disposes it, once it was asked for
            .AddTransient<Greetings>()
            .BuildServiceProvider();

    public sealed class Greetings(IConnectionMultiplexer redis)
    {
        readonly IDatabase db = redis.GetDatabase(); // costs nothing, keeps nothing

        public async Task<string?> GetAsync(int id) =>
            await db.StringGetAsync($"demo:greeting:{id}");
    }
    // --8<-- [end:register]

    // --8<-- [start:parallel]
    /// <summary>Send all commands, then await all replies.</summary>
    public static async Task<string?[]> GetAllAsync(
        IServiceProvider services, int count)
    {
        var calls = Enumerable.Range(0, count).Select(id =>
            services.GetRequiredService<Greetings>().GetAsync(id));
        return await Task.WhenAll(calls);
    }

    /// <summary>How many connections this multiplexer has opened.</summary>
    public static long Opened(IConnectionMultiplexer redis)
    {
        var counters = redis.GetCounters();
        return counters.Interactive.SocketCount + counters.Subscription.SocketCount;
    }
    // --8<-- [end:parallel]

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        var redis = await ConnectAsync(url);
        await using var services = Register(redis);
        await redis.GetSubscriber().PingAsync(); // the second connection stands too
        for (var id = 0; id < 100; id++)
            await redis.GetDatabase().StringSetAsync($"demo:greeting:{id}", "hello", TimeSpan.FromMinutes(1));

        var before = Opened(redis);
        var answers = await GetAllAsync(services, 100);
        Console.WriteLine($"answers: {answers.Count(answer => answer == "hello")}");
        Console.WriteLine($"new connections: {Opened(redis) - before}");
        var shared = services.GetRequiredService<IConnectionMultiplexer>() == redis;
        Console.WriteLine($"every service shares one multiplexer: {shared}");
    }
}
