using System.Diagnostics;
using StackExchange.Redis;
using Xunit;
using static Breaker;

/// <summary>What the resilience page claims of the circuit breaker, in C#.</summary>
[Collection(nameof(BreakerTests))] // not on the Redis that others share
public sealed class BreakerTests
{
    sealed class Clock : TimeProvider
    {
        public double Seconds;
        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }

    readonly Clock clock = new();
    readonly CircuitBreaker breaker;
    public BreakerTests() => breaker = new(3, TimeSpan.FromSeconds(5), time: clock);

    static Task<string> Fallback() => Task.FromResult("fallback");
    static Task<string> Works() => Task.FromResult("Redis");
    static Task<string> Fails() => throw new RedisConnectionException(ConnectionFailureType.SocketFailure, CommandFlags.None, "away", null, CommandStatus.Unknown);
    static Task<string> Slow() => throw new RedisTimeoutException(CommandFlags.None, "no answer", CommandStatus.Sent);

    async Task OpenAsync()
    {
        for (var i = 0; i < 3; i++)
            Assert.Equal("fallback", await breaker.CallAsync(Fails, Fallback));
        Assert.Equal("fallback", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "failures_far_apart_do_not_open_it")]
    public async Task FailuresFarApartDoNotOpenIt()
    {
        for (var i = 0; i < 5000; i++) // two of any ten
            Assert.Equal(i % 5 == 0 ? "fallback" : "Redis", await breaker.CallAsync(i % 5 == 0 ? Fails : Works, Fallback));
        await OpenAsync(); // and three close together do
    }

    [Fact(DisplayName = "it_opens_where_one_of_three_calls_times_out")]
    public async Task ItOpensWhereOneOfThreeCallsTimesOut()
    {
        foreach (var (failing, of, expected) in new[] { (1, 3, 7), (2, 3, 4), (1, 2, 5) })
        {
            var sent = 0;
            // not as shipped: a breaker ships without a wait; the program's run takes 2.5
            var own = new CircuitBreaker(3, TimeSpan.FromSeconds(2.5), time: new Clock());
            for (var i = 0; i < 1500; i++)
                await own.CallAsync(() => sent++ % of < failing ? Slow() : Works(), Fallback);
            Assert.Equal(expected, sent);
        }
    }

    [Fact(DisplayName = "what_failed_before_it_opened_is_forgotten_when_it_closes")]
    public async Task WhatFailedBeforeItOpenedIsForgottenWhenItCloses()
    {
        await OpenAsync();
        clock.Seconds = 5;
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback)); // the probe
        for (var i = 0; i < 2; i++)
            Assert.Equal("fallback", await breaker.CallAsync(Fails, Fallback));
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "refused_write_is_an_answer")]
    public async Task RefusedWriteIsAnAnswer()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var redis = await ConnectAsync(server.Url);
        await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "maxmemory", "1");
        for (var i = 0; i < 10; i++)
            Assert.StartsWith("OOM", (await Assert.ThrowsAsync<RedisServerException>(() => breaker.CallAsync(
                async () => $"{await redis.GetDatabase().StringSetAsync("demo:name", "Ada")}", Fallback))).Message);
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "timeouts_count_like_lost_connections")]
    public async Task TimeoutsCountLikeLostConnections()
    {
        for (var i = 0; i < 3; i++)
            Assert.Equal("fallback", await breaker.CallAsync(Slow, Fallback));
        Assert.Equal("fallback", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "half_open_admits_one_probe")]
    public async Task HalfOpenAdmitsOneProbe()
    {
        await OpenAsync();
        clock.Seconds = 5;
        var finish = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = 0;
        var calls = Enumerable.Range(0, 50).Select(_ => Task.Run(() => breaker.CallAsync(
            () => { Interlocked.Increment(ref asked); return finish.Task; }, Fallback))).ToArray();
        for (var waited = Stopwatch.StartNew(); calls.Count(call => call.IsCompleted) < 49; await Task.Delay(10))
            Assert.True(waited.Elapsed.TotalSeconds < 10, "more than one waits for its probe");
        finish.SetResult("Redis");
        Assert.Equal(49, (await Task.WhenAll(calls)).Count(answer => answer == "fallback"));
        Assert.Equal(1, asked);
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback)); // closed
    }

    [Fact(DisplayName = "failed_probe_opens_for_another_wait")]
    public async Task FailedProbeOpensForAnotherWait()
    {
        await OpenAsync();
        clock.Seconds = 5;
        Assert.Equal("fallback", await breaker.CallAsync(Fails, Fallback));
        clock.Seconds = 9;
        Assert.Equal("fallback", await breaker.CallAsync(Works, Fallback));
        clock.Seconds = 10;
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "app_errors_do_not_trip")]
    public async Task AppErrorsDoNotTrip()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        var cache = redis.GetDatabase();
        await cache.StringSetAsync("demo:text", "Ada");
        for (var i = 0; i < 10; i++)
            await Assert.ThrowsAsync<RedisServerException>(() => breaker.CallAsync(
                async () => $"{await cache.ListLeftPushAsync("demo:text", "x")}", Fallback));
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "cluster_that_is_down_opens_it")]
    public async Task ClusterThatIsDownOpensIt()
    {
        foreach (var kind in new[] { RedisErrorKind.ClusterDown, RedisErrorKind.Loading, RedisErrorKind.ClusterDown })
            Assert.Equal("fallback", await breaker.CallAsync(() => throw new RedisServerException(kind, CommandFlags.None, "down"), Fallback));
        Assert.Equal("fallback", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "probe_that_raises_leaves_room_for_the_next")]
    public async Task ProbeThatRaisesLeavesRoomForTheNext()
    {
        await OpenAsync();
        clock.Seconds = 5;
        await Assert.ThrowsAsync<DivideByZeroException>(() => breaker.CallAsync(() => throw new DivideByZeroException(), Fallback));
        await Assert.ThrowsAsync<RedisConnectionException>(() => breaker.CallAsync(
            () => throw new RedisConnectionException(ConnectionFailureType.AuthenticationFailure, CommandFlags.None, "wrong password", null, CommandStatus.Unknown), Fallback));
        Assert.Equal("Redis", await breaker.CallAsync(Works, Fallback));
    }

    [Fact(DisplayName = "late_answer_does_not_close_it")]
    public async Task LateAnswerDoesNotCloseIt()
    {
        var finish = new TaskCompletionSource<string>();
        var late = breaker.CallAsync(() => finish.Task, Fallback);
        await OpenAsync();
        finish.SetResult("Redis");
        Assert.Equal("Redis", await late);
        Assert.Equal("fallback", await breaker.CallAsync(Works, Fallback)); // only a probe closes it
    }

    [Fact(DisplayName = "killed_redis_opens_it_and_a_restarted_one_closes_it")]
    public async Task KilledRedisOpensItAndARestartedOneClosesIt()
    {
        await using var first = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(first.Url);
        var (cache, sent) = (redis.GetDatabase(), 0);
        async Task<string> AskAsync() { sent++; return $"{await cache.StringGetAsync("demo:name")}"; }
        await cache.StringSetAsync("demo:name", "Ada");
        Assert.Equal("Ada", await breaker.CallAsync(AskAsync, Fallback));

        first.Kill();
        for (var i = 0; i < 1000; i++)
            Assert.Equal("fallback", await breaker.CallAsync(AskAsync, Fallback));
        Assert.Equal(4, sent); // one before, three failures, then nothing

        await using var second = await first.StartAgainAsync();
        Assert.Equal("fallback", await breaker.CallAsync(AskAsync, Fallback)); // the wait is not over
        for (var waited = Stopwatch.StartNew(); !redis.IsConnected; await Task.Delay(20))
            Assert.True(waited.Elapsed.TotalSeconds < 20, "it connects again by itself");
        await cache.StringSetAsync("demo:name", "Ada");
        clock.Seconds = 5;
        Assert.Equal("Ada", await breaker.CallAsync(AskAsync, Fallback));
        Assert.Equal(5, sent);
    }

    [Fact(DisplayName = "frozen_redis_costs_its_timeouts_and_then_nothing")]
    public async Task FrozenRedisCostsItsTimeoutsAndThenNothing()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        var cache = redis.GetDatabase();
        await cache.PingAsync();
        await server.FreezeAsync();
        var waited = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++)
            Assert.Equal("fallback", await breaker.CallAsync(async () => $"{await cache.StringGetAsync("demo:name")}", Fallback));
        Assert.InRange(waited.Elapsed.TotalSeconds, 0, 5); // three timeouts of 0.2 s; 1000 would be 200 s
    }
}
