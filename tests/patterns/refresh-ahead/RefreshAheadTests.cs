using StackExchange.Redis;
using Xunit;
using static RefreshAhead;

/// <summary>What the refresh-ahead page claims, in C#.</summary>
public sealed class RefreshAheadTests : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Reports reports = null!;
    TaskCompletionSource go = new();
    TaskCompletionSource loading = new();
    int loads;
    bool broken;

    public async Task InitializeAsync()
    {
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        reports = new Reports(cache, LoadAsync);
        go.SetResult();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    /// <summary>Load version after version of a report: its number stands in the cents.</summary>
    async Task<Report> LoadAsync(string id)
    {
        var number = Interlocked.Increment(ref loads);
        loading.TrySetResult();
        await go.Task.WaitAsync(Long);
        return broken ? throw new TimeoutException("the database is down") : new(id, number);
    }

    /// <summary>Store a report, and let most of its time go by.</summary>
    async Task NearItsEndAsync()
    {
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        await cache.KeyExpireAsync(CacheKey("7"), TimeSpan.FromSeconds(899));
        loading = new();
    }

    [Fact(DisplayName = "cold_key_is_loaded")]
    public async Task ColdKeyIsLoaded()
    {
        Assert.Equal(new Report("7", 1), await reports.GetAsync("7"));
        Assert.Equal(new Report("7", 1), await reports.GetAsync("7"));
        await reports.Refreshing;
        Assert.Equal(1, loads);
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("7")))!.Value.TotalSeconds, 3239, 3960);
    }

    [Fact(DisplayName = "fifty_readers_start_one_refresh")]
    public async Task FiftyReadersStartOneRefresh()
    {
        await NearItsEndAsync();
        go = new(); // the refresh is under way as long as they read
        var readers = Enumerable.Range(0, 50).Select(_ => Task.Run(() => reports.GetAsync("7")));
        var answers = await Task.WhenAll(readers).WaitAsync(Long);
        Assert.All(answers, report => Assert.Equal(1, report.Cents)); // the old value, at once
        go.SetResult();
        await reports.Refreshing;
        Assert.Equal(2, loads);
        Assert.Equal(2, (await reports.GetAsync("7")).Cents);
        Assert.False(await cache.KeyExistsAsync(LockKey("7")));
        Assert.InRange((await cache.KeyTimeToLiveAsync(CacheKey("7")))!.Value.TotalSeconds, 3239, 3960);
    }

    [Fact(DisplayName = "persistent_key_never_refreshes")]
    public async Task PersistentKeyNeverRefreshes()
    {
        await NearItsEndAsync();
        await cache.KeyPersistAsync(CacheKey("7"));
        for (var i = 0; i < 3; i++) Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        Assert.Same(Task.CompletedTask, reports.Refreshing); // none was started
        Assert.Equal(1, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("7")));
        Assert.Null(await cache.KeyTimeToLiveAsync(CacheKey("7")));
    }

    [Fact(DisplayName = "failed_refresh_keeps_the_old_value")]
    public async Task FailedRefreshKeepsTheOldValue()
    {
        await NearItsEndAsync();
        broken = true;
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        await reports.Refreshing; // does not throw
        Assert.Equal(1, reports.FailedRefreshes);
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        Assert.Equal(2, loads);
    }

    [Fact(DisplayName = "failed_refresh_delays_the_next_one")]
    public async Task FailedRefreshDelaysTheNextOne()
    {
        await NearItsEndAsync();
        broken = true;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, (await reports.GetAsync("7")).Cents);
            await reports.Refreshing;
        }
        Assert.Equal(2, loads);
        Assert.InRange((await cache.KeyTimeToLiveAsync(LockKey("7")))!.Value, TimeSpan.Zero, LockTtl);

        await cache.KeyDeleteAsync(LockKey("7")); // as if its time were up
        broken = false;
        await reports.GetAsync("7");
        await reports.Refreshing;
        Assert.Equal(3, (await reports.GetAsync("7")).Cents);
    }

    [Fact(DisplayName = "redis_down_loads_reports_from_the_database")]
    public async Task RedisDownLoadsReportsFromTheDatabase()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        reports = new Reports(own.GetDatabase(), LoadAsync);
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        server.Kill();
        Assert.Equal(2, (await reports.GetAsync("7")).Cents);
        Assert.Equal(2, reports.CacheErrors); // one look, one SET
    }

    [Fact(DisplayName = "reader_that_comes_too_late_does_not_refresh_again")]
    public async Task ReaderThatComesTooLateDoesNotRefreshAgain()
    {
        await NearItsEndAsync();
        var overtaken = LockTests.Before.SetOf(cache, LockKey("7"), async () =>
        {
            await reports.GetAsync("7");
            await reports.Refreshing;
        });
        var late = new Reports(overtaken, LoadAsync);
        Assert.Equal(1, (await late.GetAsync("7")).Cents);
        await late.Refreshing;
        Assert.Equal(2, loads);
        Assert.False(await cache.KeyExistsAsync(LockKey("7")));
    }

    [Fact(DisplayName = "delete_during_a_refresh_is_not_undone")]
    public async Task DeleteDuringARefreshIsNotUndone()
    {
        await NearItsEndAsync();
        go = new();
        await reports.GetAsync("7");
        await loading.Task.WaitAsync(Long);
        await cache.KeyDeleteAsync(CacheKey("7")); // a writer has changed the row
        go.SetResult();
        await reports.Refreshing;
        Assert.False(await cache.KeyExistsAsync(CacheKey("7")));
    }

    [Fact(DisplayName = "value_and_ttl_are_of_one_moment")]
    public async Task ValueAndTtlAreOfOneMoment()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        reports = new Reports(own.GetDatabase(), LoadAsync);
        await reports.GetAsync("7");
        await admin.GetServers().Single().ConfigResetStatisticsAsync();
        await reports.GetAsync("7");
        var stats = $"{await admin.GetServers().Single().InfoRawAsync("commandstats")}";
        foreach (var command in new[] { "multi", "get", "pttl", "exec" })
            Assert.Contains($"cmdstat_{command}:calls=1,", stats);
    }

    [Fact(DisplayName = "discarded_look_says_why")]
    public async Task DiscardedLookSaysWhy()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await admin.GetServers().Single().ExecuteAsync("ACL", "SETUSER", "default", "resetkeys");
        reports = new Reports(own.GetDatabase(), LoadAsync);
        var error = await Assert.ThrowsAsync<RedisServerException>(() => reports.GetAsync("7"));
        Assert.StartsWith("NOPERM", error.Message); // not EXECABORT, which would be a mistake in an outage too
    }

    [Fact(DisplayName = "hostile_report_ids_are_keys_like_any_other")]
    public async Task HostileReportIdsAreKeysLikeAnyOther()
    {
        foreach (var id in new[] { "*", "7' OR '1'='1", "ключ\n", new string('x', 10_000), "" })
            Assert.Equal(await reports.GetAsync(id), await reports.GetAsync(id));
        Assert.Equal(5, loads);
    }

    [Fact(DisplayName = "corrupt_report_is_a_counted_miss")]
    public async Task CorruptReportIsACountedMiss()
    {
        RedisValue[] corrupts = [
            new byte[] { 0xff, 0xfe }, "", "not json", "null", "5", "NaN", "[\"7\", 1]", "{\"month\":\"7\"}",
            "{\"month\":\"7\",\"cents\":NaN}", "{\"month\":\"7\",\"cents\":1.5}", "{\"month\":\"7\",\"cents\":\"1\"}",
            "{\"month\":\"7\",\"cents\":1,\"by\":\"a newer release\"}", new string('[', 100_000)];
        foreach (var (count, corrupt) in corrupts.Index())
        {
            await cache.StringSetAsync(CacheKey("7"), corrupt);
            Assert.Equal(count + 1, (await reports.GetAsync("7")).Cents);
            var stored = $"{{\"month\":\"7\",\"cents\":{count + 1}}}"; // so in each language
            Assert.Equal(stored, await cache.StringGetAsync(CacheKey("7")));
            Assert.Equal(count + 1, reports.CorruptValues);
        }
    }

    [Fact(DisplayName = "refused_refresh_keeps_the_old_value")]
    public async Task RefusedRefreshKeepsTheOldValue()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        reports = new Reports(own.GetDatabase(), LoadAsync);
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        await own.GetDatabase().KeyExpireAsync(CacheKey("7"), TimeSpan.FromSeconds(899));
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        Assert.Equal(1, (await reports.GetAsync("7")).Cents);
        Assert.Equal((1, 1), (loads, reports.RefusedWrites));
    }
}
