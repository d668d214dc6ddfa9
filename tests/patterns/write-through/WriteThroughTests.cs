using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static WriteThrough;

/// <summary>What the write-through page claims, in C#.</summary>
public sealed class WriteThroughTests : IAsyncLifetime
{
    const string Json = """{"id":"1","name":"Pen","price":""";
    static readonly Row Late = new("1", 1, Json + "200}");
    readonly SqliteConnection db = new("Data Source=:memory:");
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Products products = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        using var create = new SqliteCommand("""
            CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER,
                version INTEGER NOT NULL DEFAULT 1, deleted INTEGER NOT NULL DEFAULT 0);
            INSERT INTO products (id, name, price) VALUES ('1', 'Pen', 200);
            """, db);
        await create.ExecuteNonQueryAsync();
        redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        products = new Products(cache, db);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    /// <summary>The clock of Redis, as one who asks now sees it.</summary>
    async Task<long> NowAsync() => (long)(await products.AskAsync("1")).Asked;

    async Task<long> PriceInDatabaseAsync() =>
        (long)(await new SqliteCommand("SELECT price FROM products WHERE id = '1'", db).ExecuteScalarAsync())!;

    [Fact(DisplayName = "two_writers_late_loser_does_not_win")]
    public async Task TwoWritersLateLoserDoesNotWin()
    {
        var late = await products.CommitAsync(Change, "1", price: 250);
        await products.WriteAsync(Change, "1", price: 300); // commits and stores before the late one stores
        Assert.False(await products.StoreAsync(late!, await NowAsync()));
        Assert.Equal(300, await PriceInDatabaseAsync());
        Assert.Equal(Json + "300}", await products.GetAsync("1"));
        Assert.Equal(3, await cache.HashGetAsync(Key("1"), "version"));
    }

    [Fact(DisplayName = "crash_between_commit_and_cache_write_is_stale_at_most_ttl")]
    public async Task CrashBetweenCommitAndCacheWriteIsStaleAtMostTtl()
    {
        await products.WriteAsync(Change, "1", price: 250);
        await products.CommitAsync(Change, "1", price: 300); // and the process ends here
        Assert.Equal(300, await PriceInDatabaseAsync());
        Assert.Equal(Json + "250}", await products.GetAsync("1"));
        Assert.InRange((await cache.KeyTimeToLiveAsync(Key("1")))!.Value.TotalSeconds, 0.001, 3600);
        await cache.KeyExpireAsync(Key("1"), TimeSpan.Zero); // the hour has passed
        Assert.Equal(Json + "300}", await products.GetAsync("1"));
    }

    [Fact(DisplayName = "update_of_missing_id_caches_nothing")]
    public async Task UpdateOfMissingIdCachesNothing()
    {
        Assert.Null(await products.WriteAsync(Change, "2", "Nib"));
        Assert.Null(await products.WriteAsync(Delete, "2"));
        Assert.Null(await products.GetAsync("2"));
        Assert.Empty(RedisServer.Keys(redis));
    }

    [Fact(DisplayName = "partial_update_keeps_other_fields")]
    public async Task PartialUpdateKeepsOtherFields()
    {
        await products.WriteAsync(Change, "1", "Fountain pen");
        Assert.Equal("""{"id":"1","name":"Fountain pen","price":200}""", await cache.HashGetAsync(Key("1"), "data"));
        await products.WriteAsync(Change, "1", price: 900);
        Assert.Equal("""{"id":"1","name":"Fountain pen","price":900}""", await products.GetAsync("1"));
    }

    [Fact(DisplayName = "late_v1_after_delete_is_refused")]
    public async Task LateV1AfterDeleteIsRefused()
    {
        await products.WriteAsync(Delete, "1");
        Assert.False(await products.StoreAsync(Late, await NowAsync()));
        Assert.Equal(["2", "missing"], await cache.HashGetAsync(Key("1"), ["version", "data"]));
        Assert.InRange((await cache.KeyTimeToLiveAsync(Key("1")))!.Value.TotalSeconds, 0.001, 600);
        Assert.Null(await products.GetAsync("1"));
    }

    [Fact(DisplayName = "a_deleted_product_that_comes_back_is_visible_at_once")]
    public async Task ADeletedProductThatComesBackIsVisibleAtOnce()
    {
        await products.WriteAsync(Delete, "1");
        await products.WriteAsync(Save, "1", "Pen", 100);
        Assert.Equal(Json + "100}", await products.GetAsync("1"));
        Assert.Equal(3, await cache.HashGetAsync(Key("1"), "version"));
    }

    [Fact(DisplayName = "a_version_protects_only_while_it_is_stored")]
    public async Task AVersionProtectsOnlyWhileItIsStored()
    {
        await products.WriteAsync(Change, "1", price: 300);
        Assert.False(await products.StoreAsync(Late, await NowAsync()));
        await cache.KeyDeleteAsync(Key("1")); // as eviction does
        Assert.True(await products.StoreAsync(Late, await NowAsync()));
        Assert.Equal(Json + "200}", await products.GetAsync("1"));
        Assert.Equal(300, await PriceInDatabaseAsync());
    }

    [Fact(DisplayName = "a_read_after_a_write_asks_no_database")]
    public async Task AReadAfterAWriteAsksNoDatabase()
    {
        await products.WriteAsync(Change, "1", price: 300);
        await db.CloseAsync();
        Assert.Equal(Json + "300}", await products.GetAsync("1"));
    }

    [Fact(DisplayName = "redis_down_write_still_commits")]
    public async Task RedisDownWriteStillCommits()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        products = new Products(own.GetDatabase(), db);
        await products.WriteAsync(Change, "1", price: 250);
        server.Kill();
        Assert.Equal(3, (await products.WriteAsync(Change, "1", price: 300))!.Version);
        Assert.Equal(300, await PriceInDatabaseAsync());
        Assert.Equal(2, products.CacheErrors); // the question and the store
        Assert.Equal(Json + "300}", await products.GetAsync("1"));
        Assert.Equal(3, products.CacheErrors); // who could not ask does not store
    }

    [Fact(DisplayName = "a_product_id_is_only_a_value")]
    public async Task AProductIdIsOnlyAValue()
    {
        string[] hostile = ["1 OR 1=1", "1' OR '1'='1", "*", "cache:product:1", "1; DROP TABLE products", "ключ\n",
            "{1}", new string('x', 10_000)];
        foreach (var id in hostile)
        {
            Assert.Null(await products.GetAsync(id));
            Assert.Null(await products.WriteAsync(Change, id, price: 1));
            await products.WriteAsync(Save, id, "; return 0 --", 1);
            Assert.Contains("; return 0 --", await products.GetAsync(id));
        }
        Assert.Equal(Json + "200}", await products.GetAsync("1"));
        Assert.Equal(1 + hostile.Length, RedisServer.Keys(redis).Length);
    }

    [Fact(DisplayName = "a_key_of_another_type_surfaces_to_readers_and_fails_no_writer")]
    public async Task AKeyOfAnotherTypeSurfacesToReadersAndFailsNoWriter()
    {
        await cache.StringSetAsync(Key("1"), "a string");
        var read = await Assert.ThrowsAsync<RedisServerException>(() => products.GetAsync("1"));
        Assert.StartsWith("WRONGTYPE", read.Message);
        Assert.Equal(2, (await products.WriteAsync(Change, "1", price: 1))!.Version);
        Assert.Equal(1, await PriceInDatabaseAsync());
        Assert.Equal((0, 3), (products.CacheErrors, products.Mistakes)); // a reader's question, a writer's, and its store
    }

    /// <summary>Asked, then frozen for longer than a version is stored: what runs after the thaw leaves a version alone.</summary>
    [Fact(DisplayName = "store_that_comes_late_keeps_no_data")]
    public async Task StoreThatComesLateKeepsNoData()
    {
        var asked = await NowAsync();
        var row = await products.CommitAsync(Change, "1", price: 250);
        await products.WriteAsync(Delete, "1");
        await cache.KeyExpireAsync(Key("1"), TimeSpan.Zero); // ten minutes later
        Assert.False(await products.StoreAsync(row!, asked - 301));
        Assert.Equal(["2", RedisValue.Null], await cache.HashGetAsync(Key("1"), ["version", "data"]));
        Assert.Null(await products.GetAsync("1")); // a version alone says nothing of the row, so it is loaded
        Assert.Equal(["3", "missing"], await cache.HashGetAsync(Key("1"), ["version", "data"]));
    }

    [Fact(DisplayName = "corrupt_product_is_a_counted_miss")]
    public async Task CorruptProductIsACountedMiss()
    {
        RedisValue[] values = [(byte[])[0xff, 0xfe], "{", "NaN", "null", "5", "[1]", new string('[', 100_000), """{"id":"1"}""",
            """{"id":"1","name":"Pen","price":null}""", """{"id":"1","name":"Pen","price":"200"}"""];
        foreach (var data in values)
        {
            foreach (var version in new[] { "1", "no number" })
            {
                await cache.HashSetAsync(Key("1"), [new("version", version), new("data", data)]);
                Assert.Equal(Json + "200}", await products.GetAsync("1"));
                Assert.Equal(["1", Json + "200}"], await cache.HashGetAsync(Key("1"), ["version", "data"]));
            }
        }
        Assert.Equal(2 * values.Length, products.CorruptValues);
    }

    [Fact(DisplayName = "full_redis_keeps_no_old_row")]
    public async Task FullRedisKeepsNoOldRow()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await ConnectAsync(server.Url);
        products = new Products(own.GetDatabase(), db);
        await products.GetAsync("1");
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        await products.WriteAsync(Change, "1", price: 300);
        Assert.Equal(Json + "300}", await products.GetAsync("1"));
        await products.WriteAsync(Save, "2", "Nib", 100);
        Assert.Contains("Nib", await products.GetAsync("2"));
        Assert.Equal(2, products.RefusedWrites);
        Assert.False(await own.GetDatabase().KeyExistsAsync(Key("2")));
    }
}
