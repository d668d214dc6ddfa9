using System.Diagnostics;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static Worker;

/// <summary>What the write-behind page claims of the worker, in C#.</summary>
[Collection(nameof(WorkerTests))] // not on the Redis that others share
public sealed class WorkerTests : IAsyncLifetime
{
    const string Stream = "stream:carts", Group = "writers", Pen1 = """{"pen":1}""", Pen2 = """{"pen":2}""";
    readonly string folder = Directory.CreateTempSubdirectory("shop-").FullName;
    RedisServer server = null!;
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    SqliteConnection db = null!;

    public async Task InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        redis = await RedisServer.AdminAsync(server.Url);
        cache = redis.GetDatabase();
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        db = Open();
        Execute("PRAGMA journal_mode = WAL");
        Execute(Table);
        Execute("""
            CREATE TABLE log (version TEXT);
            CREATE TRIGGER inserted AFTER INSERT ON carts BEGIN INSERT INTO log VALUES (new.version); END;
            CREATE TRIGGER updated AFTER UPDATE ON carts BEGIN INSERT INTO log VALUES (new.version); END;
            """);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await server.DisposeAsync();
        await db.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={folder}/shop.db");
        connection.Open();
        return connection;
    }

    void Execute(string sql) => new SqliteCommand(sql, db).ExecuteNonQuery();
    string? Data(string id) => new SqliteCommand($"SELECT data FROM carts WHERE id = '{id}'", db).ExecuteScalar() as string;
    long Written() => (long)new SqliteCommand("SELECT count(*) FROM log", db).ExecuteScalar()!;
    Task<RedisValue> AddAsync(string data, string id = "1") =>
        cache.StreamAddAsync(Stream, [new("id", id), new("data", data)]);

    static async Task EventuallyAsync(Func<Task<bool>> happened)
    {
        for (var waited = Stopwatch.StartNew(); !await happened(); await Task.Delay(5))
            Assert.True(waited.Elapsed.TotalSeconds < 20, "it did not happen");
    }

    /// <summary>A worker that claims at once what another holds.</summary>
    static Writer AtOnce(IDatabase cache, SqliteConnection db) =>
        new Writer(cache, db, 0); // not as shipped: half a minute is tried below

    [Fact(DisplayName = "worker_crash_before_ack_redelivers_and_row_written_once")]
    public async Task WorkerCrashBeforeAckRedeliversAndRowWrittenOnce()
    {
        var entry = await AddAsync(Pen1);
        var config = ConfigurationOptions.Parse(new Uri(server.Url).Authority);
        config.ClientName = "dies";
        var dies = await ConnectionMultiplexer.ConnectAsync(config);
        await using var own = Open();
        var first = AtOnce(dies.GetDatabase(), own);
        var inHand = Assert.Single(await first.ReadAsync());
        await cache.ExecuteAsync("CLIENT", "PAUSE", 60_000, "WRITE"); // which holds the acknowledgement back
        var handling = first.HandleAsync(inHand);
        Assert.Equal(1, Written()); // committed
        await dies.DisposeAsync(); // and gone, as a killed process is
        await Assert.ThrowsAnyAsync<Exception>(() => handling);
        await EventuallyAsync(async () => !(await cache.ExecuteAsync("CLIENT", "LIST")).ToString().Contains("name=dies"));
        await cache.ExecuteAsync("CLIENT", "UNPAUSE");
        Assert.Equal(1, (await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount);

        var second = AtOnce(cache, db);
        await second.RunAsync(untilEmpty: true);
        Assert.Equal(1, second.Stats["settled"]);
        Assert.Equal(1, Written());
        Assert.Equal(Pen1, Data("1"));
        Assert.Equal(0, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "redelivered_old_entry_does_not_overwrite_newer_row")]
    public async Task RedeliveredOldEntryDoesNotOverwriteNewerRow()
    {
        await AddAsync(Pen1);
        await AddAsync(Pen2);
        await cache.StreamReadGroupAsync(Stream, Group, "dies with it", ">", 1);
        var writer = AtOnce(cache, db);
        await writer.HandleAsync(Assert.Single(await writer.ReadAsync()));
        var old = Assert.Single(await writer.ClaimAsync());
        Assert.Equal(Pen1, old["data"]);
        await writer.HandleAsync(old);
        Assert.Equal(Pen2, Data("1"));
        Assert.Equal(1, Written());
        Assert.Equal(0, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "a_flushed_cart_gets_its_ttl_only_if_nothing_newer_waits")]
    public async Task AFlushedCartGetsItsTtlOnlyIfNothingNewerWaits()
    {
        await AddAsync(Pen1);
        var newer = await AddAsync(Pen2);
        await cache.HashSetAsync("cart:1", [new("version", newer), new("data", Pen2)]);
        var writer = AtOnce(cache, db);
        var entries = await writer.ReadAsync();
        await writer.HandleAsync(entries[0]);
        Assert.Null(await cache.KeyTimeToLiveAsync("cart:1")); // the newer value is in Redis alone
        await writer.HandleAsync(entries[1]);
        Assert.InRange((await cache.KeyTimeToLiveAsync("cart:1"))!.Value.TotalSeconds, 3500, 3600);
    }

    [Fact(DisplayName = "an_entry_that_the_database_refuses_stays_pending")]
    public async Task AnEntryThatTheDatabaseRefusesStaysPending()
    {
        await AddAsync("no JSON");
        await cache.StreamAddAsync(Stream, [new("data", Pen1)]);
        await AddAsync(Pen1, "2");
        var writer = AtOnce(cache, db);
        foreach (var entry in await writer.ReadAsync()) await writer.HandleAsync(entry);
        Assert.Equal(2, writer.Stats["refused"]);
        Assert.Equal(1, Written()); // the others go on
        Assert.Equal(Pen1, Data("2"));
        Assert.Equal(2, (await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount);
    }

    [Fact(DisplayName = "sigterm_finishes_the_entry_in_hand")]
    public async Task SigtermFinishesTheEntryInHand()
    {
        await using var own = Open();
        using var inHand = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        own.CreateFunction("hold", () => { inHand.Set(); return gate.Wait(20_000); });
        Execute("CREATE TRIGGER holds AFTER INSERT ON carts WHEN new.id = 'in hand' BEGIN SELECT hold(); END");
        await AddAsync(Pen1, "in hand");
        await AddAsync(Pen1, "next"); // one read returns both
        var writer = new Writer(cache, own);
        var running = Task.Run(() => writer.RunAsync());
        await EventuallyAsync(() => Task.FromResult(inHand.IsSet)); // the upsert has begun, and does not end
        await Process.Start("sh", ["-c", $"kill -TERM {Environment.ProcessId}"]).WaitForExitAsync();
        await EventuallyAsync(() => Task.FromResult(writer.Stopping));
        Assert.False(running.IsCompleted); // it does not leave the entry
        gate.Set();
        await running.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(1, Written());
        Assert.Equal(Pen1, Data("in hand"));
        Assert.Equal(1, await cache.StreamLengthAsync(Stream)); // acknowledged; and what it had not begun waits
    }

    /// <summary>Let entries lie for so much longer, as Redis counts it, without waiting for that.</summary>
    async Task PassTimeAsync(int milliseconds)
    {
        foreach (var held in await cache.StreamPendingMessagesAsync(Stream, Group, 1000, RedisValue.Null))
            await cache.ExecuteAsync("XCLAIM", Stream, Group, held.ConsumerName, 0, held.MessageId,
                "IDLE", held.IdleTimeInMilliseconds + milliseconds, "RETRYCOUNT", held.DeliveryCount, "JUSTID");
    }

    [Fact(DisplayName = "a_poison_entry_is_buried_at_the_constants_that_ship")]
    public async Task APoisonEntryIsBuriedAtTheConstantsThatShip()
    {
        Assert.Equal(MaxDeliveries, DeadLetter.MaxDeliveries);
        Writer[] writers = [new(cache, db), new(cache, db), new(cache, db)];
        await AddAsync("no JSON");
        await AddAsync(Pen1, "2");
        await writers[0].TurnAsync();
        var second = 0;
        for (; second < 360; second += 5)
        {
            foreach (var writer in writers)
                foreach (var entry in await writer.ClaimAsync())
                    await writer.HandleAsync(entry);
            if (second % 60 == 0 && await DeadLetter.BuryAsync(cache) == 1) break;
            await PassTimeAsync(5000);
        }
        Assert.InRange(second, 180, 240);
        Assert.Equal(5, writers.Sum(writer => writer.Stats.GetValueOrDefault("refused")));
        Assert.Equal(0, await cache.StreamLengthAsync(Stream));
        Assert.Equal(Pen1, Data("2"));
    }

    [Fact(DisplayName = "good_entries_behind_one_that_kills_its_worker_are_written")]
    public async Task GoodEntriesBehindOneThatKillsItsWorkerAreWritten()
    {
        await AddAsync(Pen1, "killer");
        for (var i = 0; i < 15; i++) await AddAsync(Pen1, $"good {i}"); // all of them in one batch
        var dies = new Writer(cache, db); // each time with the killer in hand
        Assert.Equal("killer", (await dies.ReadAsync())[0]["id"]);
        Assert.Empty(await dies.ClaimAsync()); // nothing is old enough
        await PassTimeAsync(ClaimAfterMs);
        Assert.Equal("killer", (await dies.ClaimAsync())[0]["id"]);
        await new Writer(cache, db).RunAsync(untilEmpty: true); // leaves the killer alone: it came to another just now
        Assert.Equal(15, Written());
        for (var deaths = 2; deaths < MaxDeliveries; deaths++)
        {
            await PassTimeAsync(ClaimAfterMs);
            Assert.Equal("killer", (await dies.ClaimAsync())[0]["id"]);
        }
        await PassTimeAsync(60_000);
        await new Writer(cache, db).RunAsync(untilEmpty: true); // the killer has had its five
        Assert.Equal(1, await DeadLetter.BuryAsync(cache));
        var dead = Assert.Single(await cache.StreamRangeAsync("stream:carts:dead"));
        Assert.Equal("killer", dead["id"]);
        Assert.Equal(0, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "bytes_of_another_producer_end_no_worker")]
    public async Task BytesOfAnotherProducerEndNoWorker()
    {
        RedisValue bytes = new byte[] { 0xff };
        await cache.StreamAddAsync(Stream, [new("id", bytes), new("data", bytes)]);
        await cache.StreamAddAsync(Stream, [new(bytes, bytes)]);
        await AddAsync(Pen1, "2");
        var writer = AtOnce(cache, db);
        await writer.RunAsync(untilEmpty: true);
        Assert.Equal((10, 1), (writer.Stats["refused"], writer.Stats["settled"]));
        Assert.Equal(2, await DeadLetter.BuryAsync(cache, 0));
        Assert.Equal(bytes, (await cache.StreamRangeAsync("stream:carts:dead"))[0]["data"]);
    }

    [Fact(DisplayName = "while_the_database_is_down_nothing_is_taken")]
    public async Task WhileTheDatabaseIsDownNothingIsTaken()
    {
        await AddAsync(Pen1);
        await using var own = new SqliteConnection($"Data Source={folder}/shop.db;Default Timeout=1");
        await own.OpenAsync();
        Execute("BEGIN IMMEDIATE");
        var writer = AtOnce(cache, own);
        Assert.Null(await writer.TurnAsync());
        Assert.Equal(1, writer.Stats["database errors"]);
        Assert.Equal(0, (await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount);
        Execute("ROLLBACK");
        await writer.RunAsync(untilEmpty: true);
        Assert.Equal(1, Written());
    }

    [Fact(DisplayName = "an_outage_of_the_database_is_no_attempt")]
    public async Task AnOutageOfTheDatabaseIsNoAttempt()
    {
        await AddAsync(Pen1);
        Execute("CREATE TRIGGER fails BEFORE INSERT ON carts BEGIN SELECT no_such_function(); END");
        var writer = AtOnce(cache, db);
        for (var i = 0; i < 2 * MaxDeliveries; i++) Assert.Null(await writer.TurnAsync());
        Assert.Equal(2 * MaxDeliveries, writer.Stats["database errors"]);
        var held = Assert.Single(await cache.StreamPendingMessagesAsync(Stream, Group, 10, RedisValue.Null));
        Assert.Equal(1, held.DeliveryCount);
        Execute("DROP TRIGGER fails");
        await writer.RunAsync(untilEmpty: true);
        Assert.Equal(1, Written());
    }

    [Fact(DisplayName = "the_worker_makes_a_group_that_is_gone")]
    public async Task TheWorkerMakesAGroupThatIsGone()
    {
        var writer = new Writer(cache, db);
        async Task WriteOneAsync()
        {
            var before = Written();
            await AddAsync(Pen1, $"{before}");
            for (var turns = 0; turns < 10 && Written() == before; turns++) await writer.TurnAsync();
            Assert.Equal(before + 1, Written());
        }
        await WriteOneAsync();
        await redis.GetServers().Single().FlushDatabaseAsync();
        await WriteOneAsync();
        await cache.StreamDeleteConsumerGroupAsync(Stream, Group);
        await WriteOneAsync();
        await cache.KeyDeleteAsync(Stream);
        await WriteOneAsync();
        Assert.Equal((3, 4), (writer.Stats["no group"], writer.Stats["settled"]));
    }

    [Fact(DisplayName = "a_mistake_ends_the_worker")]
    public async Task AMistakeEndsTheWorker()
    {
        await cache.KeyDeleteAsync(Stream);
        await cache.StringSetAsync(Stream, "no stream");
        var writer = new Writer(cache, db);
        await Assert.ThrowsAsync<RedisServerException>(() => writer.RunAsync());
        Assert.Equal(1, writer.Stats["mistakes"]);
    }
}
