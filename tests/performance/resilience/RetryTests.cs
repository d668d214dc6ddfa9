using System.Diagnostics;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using Xunit;

/// <summary>What the resilience page claims of retries, in C#.</summary>
[Collection(nameof(RetryTests))] // not on the Redis that others share
public sealed class RetryTests : IAsyncLifetime
{
    RedisServer server = null!;
    ConnectionMultiplexer redis = null!;
    IDatabase plain = null!;

    public async Task InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        redis = await RedisServer.AdminAsync(server.Url);
        plain = redis.GetDatabase();
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact(DisplayName = "gives_up_within_deadline")]
    public async Task GivesUpWithinDeadline()
    {
        await using var own = await Retry.ConnectAsync(server.Url);
        Task<RedisValue> ReadAsync() => Retry.SendAsync(own, cache => cache.StringGetAsync("demo:name"));
        await ReadAsync();
        await server.FreezeAsync();
        var waited = Stopwatch.StartNew();
        Assert.True(await Record.ExceptionAsync(ReadAsync)
            is TimeoutException or RedisConnectionException); // by then it may have given the connection up
        var frozen = waited.Elapsed;
        server.Kill();
        waited.Restart();
        Assert.True(await Record.ExceptionAsync(ReadAsync) is TimeoutException or RedisConnectionException);
        var limit = Retry.Deadline + TimeSpan.FromSeconds(1); // this machine may be busy
        Assert.InRange(frozen, TimeSpan.Zero, limit);
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, limit);

        waited.Restart(); // and where the tries did not end by themselves
        var endless = Retry.SendAsync(own, _ => new TaskCompletionSource<int>().Task);
        Assert.Same(endless, await Task.WhenAny(endless, Task.Delay(20_000)));
        await Assert.ThrowsAsync<TimeoutException>(() => endless);
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, limit);
    }

    [Fact(DisplayName = "backlog_outlasts_the_timeouts")]
    public async Task BacklogOutlastsTheTimeouts()
    {
        var options = ConfigurationOptions.Parse($"{new Uri(server.Url).Authority},asyncTimeout=200,connectTimeout=200");
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(50);
        await using var own = await ConnectionMultiplexer.ConnectAsync(options);
        var policy = new RetryPolicy.Builder { MaxAttempts = 3, RetryDelay = TimeSpan.Zero, JitterMax = TimeSpan.FromMilliseconds(1) };
        var cache = own.GetDatabase().WithRetry(policy.Create());
        await cache.PingAsync();
        await server.FreezeAsync();
        for (var read = 0; read < 3; read++) // the first may end before the connection is given up
        {
            var get = cache.StringGetAsync("demo:name");
            if (await Task.WhenAny(get, Task.Delay(4000)) != get) return; // it still waits
            await Assert.ThrowsAnyAsync<Exception>(() => get);
        }
        Assert.Fail("three reads ended within four seconds each");
    }

    [Fact(DisplayName = "original_error_surfaces")]
    public async Task OriginalErrorSurfaces()
    {
        await plain.ListLeftPushAsync("demo:list", "1");
        await using var own = await Retry.ConnectAsync(server.Url);
        Task<RedisValue> ReadAsync(IConnectionMultiplexer from) => Retry.SendAsync(from, cache => cache.StringGetAsync("demo:list"));
        var error = await Assert.ThrowsAsync<RedisServerException>(() => ReadAsync(own));
        Assert.StartsWith("WRONGTYPE", error.Message);
        Assert.Matches("cmdstat_get:.*failed_calls=1\\s", $"{await plain.ExecuteAsync("INFO", "commandstats")}");
        await plain.ExecuteAsync("CONFIG", "SET", "requirepass", "changed");
        var said = ""; // of a connection's failures only the first has its reason; on a busy machine that may be a time-out
        for (var i = 0; !said.Contains("NOAUTH") && i < 5; i++)
        {
            await using var stranger = await Retry.ConnectAsync(server.Url);
            var refused = ReadAsync(stranger);
            var atOnce = refused.IsCompleted; // a second try would come after a wait
            said = $"{await Record.ExceptionAsync(() => refused)}";
            Assert.True(atOnce || !said.Contains("NOAUTH"), "it was tried again");
        }
        Assert.Contains("NOAUTH", said);
        server.Kill();
        await Assert.ThrowsAsync<RedisConnectionException>(() => ReadAsync(own));
    }

    [Fact(DisplayName = "reads_and_plain_sets_are_repeated")]
    public async Task ReadsAndPlainSetsAreRepeated()
    {
        await plain.StringSetAsync("demo:name", "Ada");
        Assert.Equal((true, 3), await LoseTwoReplies("Grace", cache => cache.StringSetAsync("demo:name", "Grace", TimeSpan.FromMinutes(1))));
        var (name, tries) = await LoseTwoReplies("demo:name", cache => cache.StringGetAsync("demo:name"));
        Assert.Equal(("Grace", 3), (name.ToString(), tries));
    }

    [Fact(DisplayName = "incr_not_applied_twice")]
    public async Task IncrNotAppliedTwice()
    {
        await Assert.ThrowsAnyAsync<RedisException>(() =>
            LoseTwoReplies("INCR", cache => cache.StringIncrementAsync("counter:orders")));
        Assert.Equal(1, (long)await plain.StringGetAsync("counter:orders"));
    }

    [Fact(DisplayName = "incr_told_to_be_repeated_counts_three_times")]
    public async Task IncrToldToBeRepeatedCountsThreeTimes()
    {
        var told = new RetryPolicy.Builder
        { MaxCommandRetryCategory = CommandFlags.CommandRetryWriteAccumulating }.Create();
        using var proxy = new LossyProxy(server.Url, "INCR", 2);
        await using var own = await Retry.ConnectAsync(proxy.Url);
        Assert.Equal(3, await own.GetDatabase().WithRetry(told).StringIncrementAsync("counter:orders"));
    }

    [Fact(DisplayName = "set_nx_repeated_says_no_though_it_has_set")]
    public async Task SetNxRepeatedSaysNoThoughItHasSet()
    {
        var (set, tries) = await LoseTwoReplies("NX",
            cache => cache.StringSetAsync("demo:name", "mine", TimeSpan.FromMinutes(1), When.NotExists));
        Assert.Equal((false, 3), (set, tries));
        Assert.Equal("mine", await plain.StringGetAsync("demo:name"));
    }

    [Fact(DisplayName = "a_flag_keeps_set_nx_from_being_repeated")]
    public async Task AFlagKeepsSetNxFromBeingRepeated()
    {
        using var proxy = new LossyProxy(server.Url, "NX", 2);
        await using var own = await Retry.ConnectAsync(proxy.Url);
        await Assert.ThrowsAnyAsync<RedisException>(() => Retry.SendAsync(own, cache => cache.StringSetAsync(
            "demo:name", "mine", TimeSpan.FromMinutes(1), When.NotExists, CommandFlags.CommandRetryNever)));
        Assert.Equal(1, proxy.Attempts);
    }

    [Fact(DisplayName = "request_id_makes_incr_repeatable")]
    public async Task RequestIdMakesIncrRepeatable()
    {
        Assert.Equal((1, 3), await LoseTwoReplies("seen:{counter:orders}:7", cache => Retry.CountOnceAsync(cache, "orders", "7")));
        foreach (var request in new[] { "8", "*", "it's \"7\"", "ключ\n", new string('x', 10_000) })
            Assert.Equal(await Retry.CountOnceAsync(plain, "orders", request), await Retry.CountOnceAsync(plain, "orders", request));
        Assert.Equal(6, (long)await plain.StringGetAsync("counter:orders"));
    }

    [Fact(DisplayName = "request_that_could_not_be_counted_is_not_marked")]
    public async Task RequestThatCouldNotBeCountedIsNotMarked()
    {
        await plain.StringSetAsync("counter:orders", "letters");
        for (var i = 0; i < 2; i++)
            await Assert.ThrowsAsync<RedisServerException>(() => Retry.CountOnceAsync(plain, "orders", "7"));
        await plain.KeyDeleteAsync("counter:orders");
        Assert.Equal(1, await Retry.CountOnceAsync(plain, "orders", "7"));
    }

    [Fact(DisplayName = "repeat_answers_the_count_as_it_is_now")]
    public async Task RepeatAnswersTheCountAsItIsNow()
    {
        foreach (var (request, count) in new[] { ("7", 1), ("8", 2), ("7", 2) })
            Assert.Equal(count, await Retry.CountOnceAsync(plain, "orders", request));
        await plain.KeyDeleteAsync("counter:orders"); // evicted, and the marker is still there
        Assert.Equal(0, await Retry.CountOnceAsync(plain, "orders", "7"));
    }

    /// <summary>Run a command through a proxy that loses two replies to it. Returns its result and its tries.</summary>
    async Task<(T, int)> LoseTwoReplies<T>(string command, Func<IDatabaseAsync, Task<T>> run)
    {
        using var proxy = new LossyProxy(server.Url, command, 2);
        await using var own = await Retry.ConnectAsync(proxy.Url);
        return (await Retry.SendAsync(own, run), proxy.Attempts);
    }
}
