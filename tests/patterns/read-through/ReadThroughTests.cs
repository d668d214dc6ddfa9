using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static ReadThrough;

/// <summary>What the read-through page claims, in C#.</summary>
public sealed class ReadThroughTests : IAsyncLifetime
{
    const string Key = "cache:cart:7";
    readonly Cart cart = new("7", new() { ["cup"] = 1, ["tea"] = 2 });
    readonly SqliteConnection db = new("Data Source=:memory:");
    int asked;
    Exception? error;
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    CartCache carts = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        using var create = new SqliteCommand("""
            CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER);
            INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1);
            """, db);
        await create.ExecuteNonQueryAsync();
        redis = await CacheAside.ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        carts = new CartCache(cache, LoadAsync);
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    /// <summary>A database of one cart that counts, and fails when told to.</summary>
    Task<Cart?> LoadAsync(string id)
    {
        asked++;
        return error is null ? Task.FromResult(id == "7" ? cart : null) : Task.FromException<Cart?>(error);
    }

    async Task AssertCartAsync(CartCache from) => Assert.Equal(cart.Items, (await from.GetAsync("7"))?.Items);

    async Task<double> TtlAsync(string key) => (await cache.KeyTimeToLiveAsync(key))!.Value.TotalSeconds;

    [Fact(DisplayName = "loader_is_called_once_per_miss")]
    public async Task LoaderIsCalledOncePerMiss()
    {
        for (var round = 0; round < 3; round++)
            await AssertCartAsync(carts);
        Assert.Equal((1, 1), (asked, carts.Loads));
        Assert.Equal("""{"id":"7","items":{"cup":1,"tea":2}}""", await cache.StringGetAsync(Key));
        Assert.InRange(await TtlAsync(Key), 3200, 3960);
        await carts.ForgetAsync("7");
        await AssertCartAsync(carts);
        Assert.Equal(2, asked);
    }

    [Fact(DisplayName = "caller_never_sees_the_database")]
    public async Task CallerNeverSeesTheDatabase()
    {
        carts = MakeCarts(cache, db);
        Assert.Equal("3 items", await DescribeAsync(carts, "7"));
        await db.CloseAsync();
        Assert.Equal("3 items", await DescribeAsync(carts, "7"));
        var elsewhere = new CartCache(cache, id => Task.FromResult<Cart?>(new(id, new() { ["tea"] = 9 })));
        Assert.Equal("9 items", await DescribeAsync(elsewhere, "9"));
    }

    [Fact(DisplayName = "loader_error_is_not_cached")]
    public async Task LoaderErrorIsNotCached()
    {
        error = new TimeoutException("the database does not answer");
        Assert.Same(error, await Record.ExceptionAsync(() => carts.GetAsync("7")));
        Assert.False(await cache.KeyExistsAsync(Key));
        error = null;
        await AssertCartAsync(carts);
    }

    [Fact(DisplayName = "missing_cart_is_cached_briefly")]
    public async Task MissingCartIsCachedBriefly()
    {
        string[] hostile = ["8", "7 OR 1=1", "7' OR '1'='1", "*", "ключ\n", new string('x', 10_000)];
        foreach (var id in hostile)
        {
            Assert.Null(await carts.GetAsync(id));
            Assert.Null(await carts.GetAsync(id));
        }
        Assert.Equal(6, asked);
        Assert.InRange(await TtlAsync("cache:cart:8"), 0.001, 66);
        await AssertCartAsync(carts);
    }

    [Fact(DisplayName = "hostile_cart_id_finds_nothing")]
    public async Task HostileCartIdFindsNothing()
    {
        carts = MakeCarts(cache, db);
        string[] hostile =
            ["7 OR 1=1", "7' OR '1'='1", "*", "7; DROP TABLE cart_items", "ключ\n", new string('x', 10_000)];
        foreach (var id in hostile)
            Assert.Null(await carts.GetAsync(id));
        await AssertCartAsync(carts);
    }

    [Fact(DisplayName = "redis_down_still_loads")]
    public async Task RedisDownStillLoads()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await CacheAside.ConnectAsync(server.Url);
        carts = new CartCache(own.GetDatabase(), LoadAsync);
        await AssertCartAsync(carts);
        server.Kill();
        await AssertCartAsync(carts);
        await AssertCartAsync(carts);
        await carts.ForgetAsync("7");
        Assert.Equal(3, asked);
        Assert.Equal(5, carts.CacheErrors); // two reads of GET and SET, one DEL
    }

    [Fact(DisplayName = "corrupt_cart_is_loaded_again")]
    public async Task CorruptCartIsLoadedAgain()
    {
        string[] corrupt =
        [
            "", "{", "null", "7", "[]", """{"id":"7"}""", """{"id":"7","items":null}""",
            """{"id":"7","items":{"tea":"2"}}""", """{"id":"7","items":{},"more":1}""",
        ];
        foreach (var (before, value) in corrupt.Index())
        {
            await cache.StringSetAsync(Key, value);
            await AssertCartAsync(carts);
            Assert.Equal((before + 1, before + 1), (carts.CorruptValues, asked));
            Assert.Equal("""{"id":"7","items":{"cup":1,"tea":2}}""", await cache.StringGetAsync(Key));
        }
    }

    [Fact(DisplayName = "who_is_told_of_a_write_reads_it")]
    public async Task WhoIsToldOfAWriteReadsIt()
    {
        carts = MakeCarts(cache, db);
        Assert.Equal("3 items", await DescribeAsync(carts, "7"));
        await new SqliteCommand("UPDATE cart_items SET quantity = 5 WHERE product_id = 'tea'", db).ExecuteNonQueryAsync();
        await carts.ForgetAsync("7");
        Assert.Equal("6 items", await DescribeAsync(carts, "7"));
    }

    /// <summary>The race of cache-aside, which this pattern does not close either.</summary>
    [Fact(DisplayName = "overtaken_loader_leaves_the_old_cart_until_its_ttl")]
    public async Task OvertakenLoaderLeavesTheOldCartUntilItsTtl()
    {
        var overtaken = new CartCache(cache, async id =>
        {
            await carts.ForgetAsync("7"); // a writer commits and tells before we store
            return await LoadAsync(id);
        });
        await AssertCartAsync(overtaken);
        await AssertCartAsync(carts);
        Assert.Equal(1, asked); // what the overtaken one stored
        Assert.InRange(await TtlAsync(Key), 0.001, 3960);
    }
}
