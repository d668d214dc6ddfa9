#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Callers that block take the threads that answers need: reads fail though Redis is well. Do not block: await.

using System.Diagnostics;
using StackExchange.Redis;

static class Starved
{
    /// <summary>Make the one connection of the process. Times are in ms.</summary>
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

    // --8<-- [start:block]
    /// <summary>A read. What follows its await needs a thread.</summary>
    static async Task<bool> ReadAsync(IDatabase cache)
    {
        try { return await cache.StringGetAsync("demo:greeting:1") == "hello"; }
        catch (Exception) { return false; } // counted as a cache error
    }

    /// <summary>How many of 60 callers at once get no answer from Redis.</summary>
    public static async Task<int> UnansweredAsync(IDatabase cache, bool block)
    {
        var calls = Enumerable.Range(0, 60).Select(_ => block
            ? Task.Run(() => ReadAsync(cache).Result) // or GetAwaiter().GetResult()
            : Task.Run(() => ReadAsync(cache)));
        return (await Task.WhenAll(calls)).Count(answered => !answered);
    }
    // --8<-- [end:block]

    static async Task<int> TryAsync(bool block)
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await redis.GetDatabase().StringSetAsync("demo:greeting:1", "hello", TimeSpan.FromMinutes(1));
        return await UnansweredAsync(redis.GetDatabase(), block);
    }

    static async Task Main()
    {
        ThreadPool.SetMinThreads(2, 2); // as on a machine with two processors
        Console.WriteLine($"60 callers await: {await TryAsync(block: false)} get no answer");
        var watch = Stopwatch.StartNew();
        var unanswered = await TryAsync(block: true);
        var when = watch.Elapsed > TimeSpan.FromSeconds(2) ? "after seconds" : "soon";
        Console.WriteLine($"60 callers block: {(unanswered > 30 ? "most" : unanswered)} get no answer, {when}");
        ThreadPool.SetMinThreads(100, 2);
        Console.WriteLine($"60 callers block, 100 threads are there: {await TryAsync(block: true)} get no answer");
    }
}
