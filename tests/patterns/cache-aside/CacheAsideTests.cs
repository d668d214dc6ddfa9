using System.Diagnostics;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static CacheAside;

/// <summary>What the cache-aside page claims, in C#.</summary>
public sealed class CacheAsideTests : IAsyncLifetime
{
    readonly SqliteConnection db = new("Data Source=:memory:");
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Users users = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        using var create = new SqliteCommand("""
            CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT);
            INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'secret');
            INSERT INTO users VALUES ('2', 'Grace', 'grace@example.com', 'secret');
            """, db);
        await create.ExecuteNonQueryAsync();
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        users = new Users(cache, db);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    [Fact(DisplayName = "second_read_does_not_hit_db")]
    public async Task SecondReadDoesNotHitDb()
    {
        var first = await users.GetAsync("1");
        Assert.Equal("Ada", first?.Name);
        Assert.Equal(first, await users.GetAsync("1"));
        Assert.Equal(1, users.DatabaseReads);
    }

    [Fact(DisplayName = "hostile_id_returns_nothing")]
    public async Task HostileIdReturnsNothing()
    {
        string[] hostile =
            ["1 OR 1=1", "1' OR '1'='1", "*", "1; DROP TABLE users", "ключ\n", new string('x', 10_000)];
        foreach (var id in hostile)
            Assert.Null(await users.GetAsync(id));
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
    }

    [Fact(DisplayName = "missing_row_cached_briefly_then_insert_visible")]
    public async Task MissingRowCachedBrieflyThenInsertVisible()
    {
        Assert.Null(await users.GetAsync("3"));
        Assert.Null(await users.GetAsync("3"));
        Assert.Equal(1, users.DatabaseReads);
        Assert.InRange((await cache.KeyTimeToLiveAsync(UserKey("3")))!.Value.TotalSeconds, 0.001, 66);

        await users.SaveAsync(new User("3", "Edsger", "edsger@example.com"));
        Assert.Equal("Edsger", (await users.GetAsync("3"))?.Name);
    }

    [Fact(DisplayName = "redis_down_still_serves_from_db")]
    public async Task RedisDownStillServesFromDb()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);

        server.Kill();
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal("Ada Lovelace", (await users.GetAsync("1"))?.Name);
        Assert.Equal(3, users.DatabaseReads);
        Assert.Equal(5, users.CacheErrors); // two reads of GET and SET, one DEL

        await using var late = await ConnectAsync(server.Url);
        Assert.Equal("Ada Lovelace", (await new Users(late.GetDatabase(), db).GetAsync("1"))?.Name);
    }

    [Fact(DisplayName = "redis_frozen_costs_only_its_timeouts")]
    public async Task RedisFrozenCostsOnlyItsTimeouts()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        await server.FreezeAsync();
        var waited = Stopwatch.StartNew();
        Assert.Equal("Ada", (await users.GetAsync("1").WaitAsync(TimeSpan.FromSeconds(30)))?.Name);
        Assert.InRange(waited.Elapsed.TotalSeconds, 0, 3); // GET and SET, 0.5 s each
        Assert.Equal(2, users.CacheErrors);
    }

    [Fact(DisplayName = "write_then_read_sees_the_new_value")]
    public async Task WriteThenReadSeesTheNewValue()
    {
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal("Ada Lovelace", (await users.GetAsync("1"))?.Name);
        using var select = new SqliteCommand("SELECT name FROM users WHERE id = '1'", db);
        Assert.Equal("Ada Lovelace", await select.ExecuteScalarAsync());
    }

    [Fact(DisplayName = "ttl_is_an_hour_give_or_take_ten_percent")]
    public async Task TtlIsAnHourGiveOrTakeTenPercent()
    {
        var ttls = new HashSet<int>(); // in whole seconds
        for (var i = 0; i < 50; i++)
        {
            await users.GetAsync("1");
            ttls.Add((int)(await cache.KeyTimeToLiveAsync(UserKey("1")))!.Value.TotalSeconds);
            await cache.KeyDeleteAsync(UserKey("1"));
        }
        Assert.InRange(ttls.Min(), 3239, 3960);
        Assert.InRange(ttls.Max(), 3239, 3960);
        Assert.True(ttls.Count > 10, "spread, not one value");
    }

    [Fact(DisplayName = "secrets_stay_out_of_the_cache")]
    public async Task SecretsStayOutOfTheCache()
    {
        await users.GetAsync("1");
        var value = await cache.StringGetAsync(UserKey("1"));
        Assert.Equal("""{"id":"1","name":"Ada","email":"ada@example.com"}""", value.ToString());
    }

    [Fact(DisplayName = "only_its_own_key_is_touched")]
    public async Task OnlyItsOwnKeyIsTouched()
    {
        await cache.StringSetAsync("cache:user:10", "a neighbour");
        await users.GetAsync("1");
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        await users.GetAsync("1");
        Assert.Equal(["cache:user:1", "cache:user:10"], RedisServer.Keys(redis));
        Assert.Equal("a neighbour", await cache.StringGetAsync("cache:user:10"));
    }

    /// <summary>A wrong type or a wrong password is a bug to mend; counting it as an outage would hide it.</summary>
    [Fact(DisplayName = "other_redis_errors_surface")]
    public async Task OtherRedisErrorsSurface()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        await own.GetDatabase().ListLeftPushAsync(UserKey("1"), "not a string");
        var wrongType = await Assert.ThrowsAsync<RedisServerException>(() => users.GetAsync("1"));
        Assert.StartsWith("WRONGTYPE", wrongType.Message);
        Assert.Equal(0, users.CacheErrors);

        await using var admin = await RedisServer.AdminAsync(server.Url);
        await admin.GetServers().Single().ConfigSetAsync("requirepass", "changed");
        Exception? wrongPassword = null;
        for (var tries = 0; wrongPassword is null && tries < 10; tries++)
        {
            // StackExchange.Redis reports the first failure of a connection only: where connecting was too slow
            // once, it never says that the password is wrong. It may say so just after ConnectAsync has returned.
            await using var refused = await ConnectAsync(server.Url);
            await Task.Delay(100);
            users = new Users(refused.GetDatabase(), db);
            wrongPassword = await Record.ExceptionAsync(() => users.GetAsync("1"));
        }
        Assert.Contains("NOAUTH", Assert.IsType<RedisConnectionException>(wrongPassword).Message);
        Assert.Equal(0, users.CacheErrors);
    }

    [Fact(DisplayName = "corrupt_value_is_a_counted_miss")]
    public async Task CorruptValueIsACountedMiss()
    {
        RedisValue[] values =
        [
            new byte[] { 0xff, 0xfe }, "", "{", "null", "5", "\"Ada\"", """["1", "Ada", "ada@example.com"]""",
            new string('[', 100_000), """{"id": "1", "name": "Ada"}""", """{"id": "1", "name": "Ada", "email": null}""",
            """{"id": "1", "name": 5, "email": "a"}""",
            """{"id": "1", "name": "Ada", "email": "a", "password_hash": "secret"}""",
        ];
        foreach (var (before, corrupt) in values.Index())
        {
            await cache.StringSetAsync(UserKey("1"), corrupt);
            Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
            Assert.Equal((before + 1, before + 1), (users.CorruptValues, users.DatabaseReads));
            Assert.Equal("""{"id":"1","name":"Ada","email":"ada@example.com"}""", await cache.StringGetAsync(UserKey("1")));
            Assert.True((await cache.KeyTimeToLiveAsync(UserKey("1")))!.Value.TotalSeconds > 3000);
        }
        await users.GetAsync("1");
        Assert.Equal(values.Length, users.DatabaseReads);
    }

    /// <summary>
    /// StackExchange.Redis learns the shards by CLUSTER and goes to the right one. To a user who may not call CLUSTER it
    /// reports a MOVED as a lost connection, and goes on doing so.
    /// </summary>
    [Fact(DisplayName = "moved_is_an_error_not_a_miss")]
    public async Task MovedIsAnErrorNotAMiss()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_CLUSTER_URL");
        await using var admin = await RedisServer.FlushedClusterAsync(url);
        await using var allowed = await ConnectAsync(url!);
        users = new Users(allowed.GetDatabase(), db);
        for (var i = 0; i < 40; i++)
            await users.GetAsync($"{i % 20}");
        Assert.Equal((20, 0), (users.DatabaseReads, users.CacheErrors)); // both shards served, nothing MOVED
        await using var again = await RedisServer.FlushedClusterAsync(url);

        foreach (var shard in admin.GetServers())
            await shard.ExecuteAsync("ACL", "SETUSER", "unaware", "on", ">secret", "~*", "+@all", "-cluster");
        await using var unaware = await ConnectAsync(url!.Replace("://", "://unaware:secret@"));
        users = new Users(unaware.GetDatabase(), db);
        var moved = 0;
        for (var i = 0; i < 20; i++)
        {
            var error = await Record.ExceptionAsync(() => users.GetAsync($"{i}"));
            if (error is null) continue;
            Assert.Contains("serving hashslot", Assert.IsType<RedisConnectionException>(error).Message);
            moved++;
        }
        foreach (var shard in admin.GetServers())
            await shard.ExecuteAsync("ACL", "DELUSER", "unaware");
        Assert.Equal(12, moved); // of these keys, the ones on the other shard
        Assert.Equal((8, 0), (users.DatabaseReads, users.CacheErrors));
    }

    int[] Counted => [users.DatabaseReads, users.CacheErrors, users.RefusedWrites, users.Mistakes];

    [Fact(DisplayName = "full_redis_fails_no_read_and_no_write")]
    public async Task FullRedisFailsNoReadAndNoWrite()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        for (var round = 0; round < 3; round++)
            Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal([3, 0, 3, 0], Counted); // what deletes is not refused
    }

    /// <summary>A folder has the name of the snapshot: from then on Redis answers each write with MISCONF.</summary>
    [Fact(DisplayName = "failed_disk_fails_no_read_and_no_write")]
    public async Task FailedDiskFailsNoReadAndNoWrite()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        var redisItself = admin.GetServers().Single();
        var (_, dir) = (await redisItself.ConfigGetAsync("dir")).Single();
        Directory.CreateDirectory(Path.Combine(dir, "dump.rdb"));
        await redisItself.ConfigSetAsync("save", "3600 1");
        await redisItself.ExecuteAsync("BGSAVE");
        while (!(await redisItself.InfoRawAsync("persistence"))!.Contains("rdb_last_bgsave_status:err"))
            await Task.Delay(20);
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal("Ada Lovelace", (await users.GetAsync("1"))?.Name);
        Assert.Equal([2, 0, 3, 0], Counted);
    }

    [Fact(DisplayName = "replica_fails_no_read_and_no_write_and_is_left")]
    public async Task ReplicaFailsNoReadAndNoWriteAndIsLeft()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        await admin.GetServers().Single().ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal("Ada Lovelace", (await users.GetAsync("1"))?.Name);
        Assert.Equal((2, 0, 0), (users.DatabaseReads, users.RefusedWrites, users.Mistakes));
        Assert.InRange(users.CacheErrors, 3, 5); // once it knows that this is a replica, it asks it no more
    }

    /// <summary>A user that may read and not write: the row is there, the commit is done, so it is logged, loudly.</summary>
    [Fact(DisplayName = "mistake_surfaces_only_to_who_has_no_answer_yet")]
    public async Task MistakeSurfacesOnlyToWhoHasNoAnswerYet()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await ConnectAsync(server.Url);
        users = new Users(own.GetDatabase(), db);
        await admin.GetServers().Single().ExecuteAsync("ACL", "SETUSER", "default", "-@write");
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Assert.Equal([1, 0, 0, 2], Counted);
    }
}
