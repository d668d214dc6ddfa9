using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static Versioned;

/// <summary>What versions add to cache-aside, in C#.</summary>
public sealed class VersionedTests : IAsyncLifetime
{
    static readonly string Key = ProductKey("1");
    readonly SqliteConnection db = new("Data Source=:memory:");
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Products products = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        using var create = new SqliteCommand("""
            CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER);
            INSERT INTO products VALUES ('1', 'Tea', 450, 1);
            """, db);
        await create.ExecuteNonQueryAsync();
        redis = await CacheAside.ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        products = new Products(cache, db);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    async Task<int?> PriceAsync() => (await products.GetAsync("1"))?.Price;

    async Task<double> TtlAsync(string key) => (await cache.KeyTimeToLiveAsync(key))!.Value.TotalSeconds;

    [Fact(DisplayName = "late_reader_cannot_store_the_old_version")]
    public async Task LateReaderCannotStoreTheOldVersion()
    {
        var (_, asked) = await products.AskAsync("1");
        var (version, old) = await products.LoadAsync("1");
        await products.SaveAsync(new Product("1", "Tea", 475));
        Assert.False(await products.StoreAsync("1", version, old, asked));
        Assert.Equal(475, await PriceAsync());
        Assert.False(await products.StoreAsync("1", version, old, asked)); // what is stored now protects as well
        Assert.Equal(475, await PriceAsync());
    }

    [Fact(DisplayName = "tombstone_holds_the_version_for_a_minute")]
    public async Task TombstoneHoldsTheVersionForAMinute()
    {
        await products.GetAsync("1");
        await products.SaveAsync(new Product("1", "Tea", 475));
        Assert.Equal([new HashEntry("version", 2)], await cache.HashGetAllAsync(Key));
        Assert.InRange(await TtlAsync(Key), 50, 60);
    }

    /// <summary>A reader asks, Redis freezes, a minute passes, the tombstone with it: as Redis counts, the store is late.</summary>
    [Fact(DisplayName = "store_that_comes_late_is_refused_also_after_the_tombstone")]
    public async Task StoreThatComesLateIsRefusedAlsoAfterTheTombstone()
    {
        var (_, asked) = await products.AskAsync("1");
        var (version, old) = await products.LoadAsync("1");
        await products.SaveAsync(new Product("1", "Tea", 475));
        await cache.KeyExpireAsync(Key, TimeSpan.Zero); // a minute later
        Assert.False(await products.StoreAsync("1", version, old, (long)asked - 31));
        Assert.False(await cache.KeyExistsAsync(Key));
        Assert.True(await products.StoreAsync("1", version, old, (long)asked - 29)); // in time: no tombstone has expired yet
    }

    /// <summary>A tombstone takes the place of the old value; where there is none, it does not fit, and nothing is stale.</summary>
    [Fact(DisplayName = "full_redis_keeps_no_old_product")]
    public async Task FullRedisKeepsNoOldProduct()
    {
        await using var server = await RedisServer.StartAsync();
        await using var admin = await RedisServer.AdminAsync(server.Url);
        await using var own = await CacheAside.ConnectAsync(server.Url);
        products = new Products(own.GetDatabase(), db);
        await products.GetAsync("1");
        await admin.GetServers().Single().ConfigSetAsync("maxmemory", 1);
        await products.SaveAsync(new Product("1", "Tea", 475));
        Assert.Equal([new HashEntry("version", 2)], await own.GetDatabase().HashGetAllAsync(Key));
        await products.SaveAsync(new Product("2", "Cup", 900));
        Assert.Equal(900, (await products.GetAsync("2"))?.Price);
        Assert.Equal(2, products.RefusedWrites);
        Assert.False(await own.GetDatabase().KeyExistsAsync(ProductKey("2")));
    }

    [Fact(DisplayName = "version_protects_only_while_one_is_stored")]
    public async Task VersionProtectsOnlyWhileOneIsStored()
    {
        var (_, asked) = await products.AskAsync("1");
        var (version, old) = await products.LoadAsync("1");
        await products.SaveAsync(new Product("1", "Tea", 475));
        await cache.KeyDeleteAsync(Key); // as an eviction would, or an expiry
        Assert.True(await products.StoreAsync("1", version, old, asked));
        Assert.Equal(450, await PriceAsync());
    }

    [Fact(DisplayName = "late_tombstone_does_not_take_the_version_back")]
    public async Task LateTombstoneDoesNotTakeTheVersionBack()
    {
        await products.SaveAsync(new Product("1", "Tea", 475));
        await products.SaveAsync(new Product("1", "Tea", 500));
        Assert.False(await products.PutAsync(Key, 2, 60));
        Assert.Equal(3, await cache.HashGetAsync(Key, "version"));
    }

    [Fact(DisplayName = "versioned_second_read_does_not_hit_db")]
    public async Task VersionedSecondReadDoesNotHitDb()
    {
        Assert.Equal(await products.GetAsync("1"), await products.GetAsync("1"));
        Assert.Equal(1, products.DatabaseReads);
        Assert.InRange(await TtlAsync(Key), 3200, 3960);
    }

    [Fact(DisplayName = "missing_product_is_version_0_and_yields_to_an_insert")]
    public async Task MissingProductIsVersion0AndYieldsToAnInsert()
    {
        string[] hostile = ["2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", new string('x', 10_000)];
        foreach (var id in hostile)
            Assert.Null(await products.GetAsync(id));
        Assert.Null(await products.GetAsync("2"));
        Assert.Equal(6, products.DatabaseReads);
        Assert.InRange(await TtlAsync(ProductKey("2")), 0.001, 66);
        var (_, asked) = await products.AskAsync("2");
        var (version, nothing) = await products.LoadAsync("2");
        await products.SaveAsync(new Product("2", "Cup", 900));
        Assert.False(await products.StoreAsync("2", version, nothing, asked));
        Assert.Equal("Cup", (await products.GetAsync("2"))?.Name);
    }

    [Fact(DisplayName = "versioned_corrupt_data_is_a_miss")]
    public async Task VersionedCorruptDataIsAMiss()
    {
        string[] values = ["", "{", "NaN", "null", "[1]", """{"id":"1"}""", """{"id":"1","name":"Tea","price":"x"}"""];
        foreach (var corrupt in values)
        {
            await cache.HashSetAsync(Key, [new("version", "not a number"), new("data", corrupt)]);
            Assert.Equal("Tea", (await products.GetAsync("1"))?.Name);
            Assert.Equal(1, await cache.HashGetAsync(Key, "version"));
        }
        Assert.Equal(values.Length, products.CorruptValues);
    }

    [Fact(DisplayName = "versioned_code_fails_open")]
    public async Task VersionedCodeFailsOpen()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await CacheAside.ConnectAsync(server.Url);
        products = new Products(own.GetDatabase(), db);
        server.Kill();
        Assert.Equal(450, await PriceAsync());
        await products.SaveAsync(new Product("1", "Tea", 475));
        Assert.Equal(475, await PriceAsync());
        Assert.Equal(3, products.CacheErrors); // two questions, one tombstone; who could not ask does not store
    }
}
