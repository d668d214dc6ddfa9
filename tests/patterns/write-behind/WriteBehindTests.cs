using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static WriteBehind;

/// <summary>What the write-behind page claims of the accepting side, in C#.</summary>
public sealed class WriteBehindTests : IAsyncLifetime
{
    const string Stream = "stream:carts", Waiting = "stream:carts:waiting", Group = "writers", Pen1 = """{"pen":1}""", Pen2 = """{"pen":2}""";
    readonly SqliteConnection db = new("Data Source=:memory:");
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Carts carts = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        await new SqliteCommand(
            "CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)", db).ExecuteNonQueryAsync();
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        carts = new Carts(cache, db);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    [Fact(DisplayName = "accepted_at_once_and_not_yet_in_the_database")]
    public async Task AcceptedAtOnceAndNotYetInTheDatabase()
    {
        var version = await carts.SaveAsync("1", Pen1, $"{Guid.NewGuid()}");
        Assert.Equal(Pen1, await carts.GetAsync("1"));
        Assert.Equal(0L, await new SqliteCommand("SELECT count(*) FROM carts", db).ExecuteScalarAsync());
        Assert.Equal(version, Assert.Single(await cache.StreamRangeAsync(Stream)).Id);
        Assert.Equal([version, Pen1], await cache.HashGetAsync("cart:1", ["version", "data"]));
    }

    [Fact(DisplayName = "versions_of_a_cart_only_rise")]
    public async Task VersionsOfACartOnlyRise()
    {
        var versions = new List<string>();
        for (var i = 0; i < 50; i++) versions.Add(await carts.SaveAsync("1", Pen1, $"{i}"));
        await cache.KeyDeleteAsync("cart:1"); // as its expiry does
        versions.Add(await carts.SaveAsync("1", Pen1, "later"));
        versions.Add($"{long.Parse(versions[^1].Split('-')[0]) + 3_600_000}-0");
        await cache.ExecuteAsync("XSETID", (RedisKey)Stream, versions[^1]); // its clock is set back an hour
        versions.Add(await carts.SaveAsync("1", Pen1, "last"));
        var sortable = versions.Select(Worker.Sortable).ToList();
        Assert.Equal(sortable.Distinct().Order(StringComparer.Ordinal), sortable);
    }

    [Fact(DisplayName = "an_unflushed_value_has_no_ttl")]
    public async Task AnUnflushedValueHasNoTtl()
    {
        await carts.SaveAsync("1", Pen1, $"{Guid.NewGuid()}");
        await cache.KeyExpireAsync("cart:1", TimeSpan.FromHours(1)); // as the worker does when it is in the database
        await carts.SaveAsync("1", Pen2, $"{Guid.NewGuid()}");
        Assert.Null(await cache.KeyTimeToLiveAsync("cart:1"));
    }

    [Fact(DisplayName = "full_queue_pushes_back")]
    public async Task FullQueuePushesBack()
    {
        carts = new Carts(cache, db, limit: 2);
        await carts.SaveAsync("1", Pen1, $"{Guid.NewGuid()}");
        var version = await carts.SaveAsync("1", Pen2, $"{Guid.NewGuid()}");
        await Assert.ThrowsAsync<QueueFullException>(() => carts.SaveAsync("1", Pen1, $"{Guid.NewGuid()}"));
        Assert.Equal(2, await cache.StreamLengthAsync(Stream));
        Assert.Equal([version, Pen2], await cache.HashGetAsync("cart:1", ["version", "data"]));
        await cache.StreamDeleteAsync(Stream, [version]); // the worker has caught up
        await carts.SaveAsync("1", Pen1, $"{Guid.NewGuid()}");
    }

    [Fact(DisplayName = "depth_tells_what_waits_and_what_is_pending")]
    public async Task DepthTellsWhatWaitsAndWhatIsPending()
    {
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        for (var i = 0; i < 5; i++) await carts.SaveAsync($"{i}", Pen1, $"{Guid.NewGuid()}");
        await cache.StreamReadGroupAsync(Stream, Group, "worker", ">", 2);
        Assert.Equal((5L, 3L, 2, 0), await carts.DepthAsync());
    }

    /// <summary>Save carts on a small server under volatile-lru, then fill it with ordinary cache entries.</summary>
    static async Task PressAsync(RedisServer server, Func<IDatabase, Task> save)
    {
        await using var admin = await RedisServer.AdminAsync(server.Url);
        var (own, node) = (admin.GetDatabase(), admin.GetServers().Single());
        var used = (await node.InfoAsync("memory")).Single().Single(field => field.Key == "used_memory").Value;
        await node.ConfigSetAsync("maxmemory", long.Parse(used) + 3_000_000);
        await node.ConfigSetAsync("maxmemory-policy", "volatile-lru");
        await save(own);
        for (var first = 0; first < 30_000; first += 1000)
            await Task.WhenAll(Enumerable.Range(first, 1000).Select(
                i => own.StringSetAsync($"cache:report:{i}", new string('x', 1000), TimeSpan.FromHours(1))));
        var evicted = (await node.InfoAsync("stats")).Single().Single(field => field.Key == "evicted_keys").Value;
        Assert.InRange(long.Parse(evicted), 10_000, 30_000);
    }

    [Fact(DisplayName = "unflushed_value_survives_eviction")]
    public async Task UnflushedValueSurvivesEviction()
    {
        await using var server = await RedisServer.StartAsync();
        await PressAsync(server, own => new Carts(own, db).SaveAsync("1", Pen1, $"{Guid.NewGuid()}"));
        await using var own = await ConnectAsync(server.Url);
        Assert.Equal(Pen1, await new Carts(own.GetDatabase(), db).GetAsync("1"));
    }

    [Fact(DisplayName = "queue_survives_memory_pressure")]
    public async Task QueueSurvivesMemoryPressure()
    {
        await using var server = await RedisServer.StartAsync();
        var versions = new List<string>();
        await PressAsync(server, async own =>
        {
            for (var i = 0; i < 100; i++) versions.Add(await new Carts(own, db).SaveAsync($"{i}", Pen1, $"{Guid.NewGuid()}"));
        });
        await using var own = await ConnectAsync(server.Url);
        var left = await own.GetDatabase().StreamRangeAsync(Stream);
        Assert.Equal(versions, left.Select(entry => entry.Id.ToString()));
    }

    [Fact(DisplayName = "redis_down_refuses_writes_and_serves_the_row")]
    public async Task RedisDownRefusesWritesAndServesTheRow()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        carts = new Carts(own.GetDatabase(), db);
        await new SqliteCommand("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')", db).ExecuteNonQueryAsync();
        server.Kill();
        await Assert.ThrowsAnyAsync<RedisException>(() => carts.SaveAsync("1", Pen2, $"{Guid.NewGuid()}"));
        Assert.Equal(Pen1, await carts.GetAsync("1"));
        Assert.Null(await carts.GetAsync("2"));
        Assert.Equal(3, carts.CacheErrors);
    }

    [Fact(DisplayName = "a_cart_id_is_only_a_value")]
    public async Task ACartIdIsOnlyAValue()
    {
        string[] hostile = ["1 OR 1=1", "1' OR '1'='1", "*", "cart:1", "1; DROP TABLE carts", "ключ\n", "{1}",
            new string('x', 10_000)];
        foreach (var id in hostile)
        {
            Assert.Null(await carts.GetAsync(id));
            await carts.SaveAsync(id, Pen1, $"{Guid.NewGuid()}");
            Assert.Equal(Pen1, await carts.GetAsync(id));
        }
        Assert.Equal(hostile.Length, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "nan_is_refused_when_it_is_saved")]
    public async Task NanIsRefusedWhenItIsSaved()
    {
        foreach (var json in (string[])["""{"pen":NaN}""", """{"pen":Infinity}""", "no JSON", ""])
            await Assert.ThrowsAnyAsync<JsonException>(() => carts.SaveAsync("1", json, "of A"));
        Assert.Empty(RedisServer.Keys(redis)); // no worker will meet it
    }

    [Fact(DisplayName = "a_repeated_save_is_no_new_write")]
    public async Task ARepeatedSaveIsNoNewWrite()
    {
        var first = await carts.SaveAsync("1", Pen1, "of A"); // let its reply be lost, after Redis ran it
        var newer = await carts.SaveAsync("1", Pen2, "of B");
        Assert.Equal(first, await carts.SaveAsync("1", Pen1, "of A"));
        Assert.Equal(Pen2, await carts.GetAsync("1")); // what B was told is accepted stays
        Assert.Equal([first, newer], (await cache.StreamRangeAsync(Stream)).Select(entry => $"{entry.Id}"));
        Assert.Equal(newer, await cache.HashGetAsync("cart:1", "version"));
        Assert.InRange((await cache.KeyTimeToLiveAsync("cart:1:request:of A"))!.Value.TotalSeconds, 590, 600);
    }

    [Fact(DisplayName = "a_corrupt_cart_is_a_counted_miss")]
    public async Task ACorruptCartIsACountedMiss()
    {
        await new SqliteCommand("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')", db).ExecuteNonQueryAsync();
        RedisValue[] corrupt = ["no JSON", new byte[] { 0xff }, "NaN", """{"pen":NaN}""", "[1]", "null"];
        foreach (var data in corrupt)
        {
            await cache.HashSetAsync("cart:1", "data", data);
            Assert.Equal(Pen1, await carts.GetAsync("1"));
        }
        Assert.Equal(corrupt.Length, carts.CorruptValues);
    }

    [Fact(DisplayName = "depth_answers_without_a_group")]
    public async Task DepthAnswersWithoutAGroup()
    {
        Assert.Equal((0L, 0L, 0, 0), await carts.DepthAsync()); // as after a flush
        await carts.SaveAsync("1", Pen1, "of A");
        Assert.Equal((1L, 1L, 0, 0), await carts.DepthAsync()); // a worker will begin with this entry
        await cache.StreamCreateConsumerGroupAsync(Stream, "of another program", "0");
        Assert.Equal((1L, 1L, 0, 0), await carts.DepthAsync());
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        await cache.StreamReadGroupAsync(Stream, Group, "worker", ">");
        Assert.Equal((1L, 0L, 1, 0), await carts.DepthAsync());
    }

    [Fact(DisplayName = "what_a_trimmed_stream_has_lost_is_counted")]
    public async Task WhatATrimmedStreamHasLostIsCounted()
    {
        for (var i = 0; i < 10; i++) await carts.SaveAsync($"{i}", Pen1, $"{i}");
        await cache.StreamTrimAsync(Stream, 4);
        Assert.Equal(6, (await carts.DepthAsync()).Lost);
        await using var own = new SqliteConnection("Data Source=:memory:");
        await own.OpenAsync();
        await new SqliteCommand(Worker.Table, own).ExecuteNonQueryAsync();
        await new Worker.Writer(cache, own, 0).RunAsync(untilEmpty: true);
        Assert.Equal(4L, await new SqliteCommand("SELECT count(*) FROM carts", own).ExecuteScalarAsync());
        Assert.Equal(6, (await carts.DepthAsync()).Lost); // also when nothing waits any more
        Assert.Equal("012345", string.Concat((await cache.HashKeysAsync(Waiting)).Order())); // which ones
        await carts.SaveAsync("0", Pen2, "anew");
        Assert.Equal(5, (await carts.DepthAsync()).Lost); // only the last value counts
    }
}
