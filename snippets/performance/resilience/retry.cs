#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Retries in one layer: only lost connections and timeouts, only commands that may be repeated, until a deadline.

using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class Retry
{
    enum Kind { Away, Refused, Mistake }

    /// <summary>What an error of Redis or its client means to us.</summary>
    static Kind KindOf(Exception e) => new FaultContext(e).ErrorKind switch
    {
        OutOfMemory or Misconfigured or NoReplicas => Kind.Refused, // it serves reads
        ConnectionFault when BadLogin(e) || e.Message.Contains("hashslot") // a MOVED
            => Kind.Mistake, // waiting mends no password, and finds no other shard
        ConnectionFault or RedisErrorKind.Timeout or Loading or MaxClients
            or ReadOnly or ClusterDown or MasterDown or TryAgain or Busy => Kind.Away,
        _ => Kind.Mistake, // WRONGTYPE, NOPERM, a bug of ours
    };

    static bool BadLogin(Exception? e) => e is RedisConnectionException known
        && known.FailureType is ConnectionFailureType.AuthenticationFailure
        || e is not null && BadLogin(e.InnerException);

    // --8<-- [start:repeatable]
    static readonly RetryPolicy Policy = new UnlessRefused(new RetryPolicy.Builder
    {
        MaxAttempts = 5,
        RetryDelay = TimeSpan.FromMilliseconds(50),
        JitterMax = TimeSpan.FromMilliseconds(200), // at most so much more, at random
        // the default, said: reads, and writes where the last one wins; no INCR
        MaxCommandRetryCategory = CommandFlags.CommandRetryWriteLastWins,
    });

    sealed class UnlessRefused(RetryPolicy.Builder settings) : RetryPolicy(settings)
    {
        // a wrong password looks like a lost connection, and no wait mends it
        public override RetryResult CanRetry(in FaultContext context) =>
            context.Fault is { } fault && KindOf(fault) is not Kind.Away
                ? RetryResult.None : base.CanRetry(context);
    }
    // --8<-- [end:repeatable]

    // --8<-- [start:retry]
    // 5 tries of 0.25 s (timeout and heartbeat), 4 waits of at most 0.25 s, a margin
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2.5);

    /// <summary>Send a command, and again where the policy lets it. At the deadline,
    /// throw a TimeoutException; what is under way may still reach Redis.</summary>
    public static Task<T> SendAsync<T>(
        IConnectionMultiplexer redis, Func<IDatabaseAsync, Task<T>> command) =>
        command(redis.GetDatabase().WithRetry(Policy)).WaitAsync(Deadline);
    // --8<-- [end:retry]

    // --8<-- [start:connect]
    public static async Task<ConnectionMultiplexer> ConnectAsync(
        string url) // differs: shorter waits
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
            ConnectTimeout = 500, // ms
            AsyncTimeout = 200, // looked for …
            HeartbeatInterval = TimeSpan.FromMilliseconds(50), // … at each heartbeat
            BacklogPolicy = BacklogPolicy.FailFast, // else it waits past its timeout
            // a push that announces maintenance would stretch the timeouts
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }
    // --8<-- [end:connect]

    // --8<-- [start:once]
    const int Seen = 60; // seconds; longer than any caller goes on repeating
    const string CountOnceScript = """
        if redis.call('EXISTS', KEYS[2]) == 1 then
          return redis.call('GET', KEYS[1]) or '0'
        end
        local count = redis.call('INCR', KEYS[1])
        redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
        return count
        """;

    /// <summary>Count a request once, however often it is sent. Return the count
    /// as it is now.</summary>
    public static async Task<long> CountOnceAsync(
        IDatabaseAsync cache, string name, string request)
    {
        var counter = $"counter:{name}";
        var seen = $"seen:{{{counter}}}:{request}"; // braces: both keys in one slot
        return (long)await cache.ScriptEvaluateAsync(
            CountOnceScript, [counter, seen], [Seen],
            CommandFlags.CommandRetryWriteLastWins); // its id makes it so
    }
    // --8<-- [end:once]

    const string Hold = "local stop = os.clock() + 0.6 repeat until os.clock() >= stop"; // no command runs meanwhile

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url);
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{redis.Configuration},allowAdmin=true,asyncTimeout=20000");
        var server = admin.GetDatabase();
        await server.KeyDeleteAsync(["demo:name", "counter:orders", "seen:{counter:orders}:request-7"]);
        await server.StringSetAsync("demo:name", "Ada", TimeSpan.FromMinutes(1));

        await server.ExecuteAsync("CLIENT", "PAUSE", 300, "ALL"); // ms in which no client gets an answer
        Console.WriteLine($"GET, no answer at first: {await SendAsync(redis, cache => cache.StringGetAsync("demo:name"))}");
        await server.ExecuteAsync("CLIENT", "PAUSE", 300, "ALL");
        var stored = await SendAsync(redis, cache => cache.StringSetAsync("demo:name", "Grace", TimeSpan.FromMinutes(1)));
        Console.WriteLine($"SET, no answer at first: {(stored ? "stored" : "not stored")}");

        var holder = server.ScriptEvaluateAsync(Hold);
        await Task.Delay(100); // it runs now
        try { await SendAsync(redis, cache => cache.StringIncrementAsync("counter:orders")); }
        catch (RedisTimeoutException) { Console.WriteLine("INCR, no answer: an error, not repeated"); }
        await holder;
        Console.WriteLine($"counter when Redis answers again: {await SendAsync(redis, cache => cache.StringGetAsync("counter:orders"))}");

        Task<long> CountAsync() => SendAsync(redis, cache => CountOnceAsync(cache, "orders", "request-7"));
        Console.WriteLine($"INCR by request 7: {await CountAsync()}");
        Console.WriteLine($"INCR by request 7, sent again: {await CountAsync()}");
    }
}
