using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static Schema;

/// <summary>Two releases with two schemas side by side, in C#.</summary>
public sealed class SchemaTests : IAsyncLifetime
{
    static readonly Dictionary<string, string> OldUser =
        new() { ["id"] = "1", ["name"] = "Ada", ["email"] = "ada@example.com" };
    static readonly Dictionary<string, string> NewUser = new(OldUser) { ["plan"] = "pro" };

    readonly SqliteConnection db = new("Data Source=:memory:");
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;
    Users old = null!, next = null!;

    public async Task InitializeAsync()
    {
        await db.OpenAsync();
        using var create = new SqliteCommand("""
            CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, plan TEXT);
            INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'pro');
            """, db);
        await create.ExecuteNonQueryAsync();
        redis = await CacheAside.ConnectAsync(await RedisServer.FlushedSessionAsync());
        cache = redis.GetDatabase();
        (old, next) = (new Users(cache, db, Old), new Users(cache, db, New));
    }

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await db.DisposeAsync();
    }

    [Fact(DisplayName = "new_schema_does_not_read_old_values")]
    public async Task NewSchemaDoesNotReadOldValues()
    {
        Assert.Equal(OldUser, await old.GetAsync("1"));
        Assert.Equal(NewUser, await next.GetAsync("1")); // not the old value with an invented plan
        await cache.StringSetAsync(New.Key("1"), await cache.StringGetAsync(Old.Key("1"))); // nor under the new key
        Assert.Equal(NewUser, await next.GetAsync("1"));
        Assert.Equal((1, 2), (old.DatabaseReads, next.DatabaseReads));
    }

    [Fact(DisplayName = "old_and_new_release_run_side_by_side")]
    public async Task OldAndNewReleaseRunSideBySide()
    {
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(OldUser, await old.GetAsync("1"));
            Assert.Equal(NewUser, await next.GetAsync("1"));
        }
        Assert.Equal((1, 1), (old.DatabaseReads, next.DatabaseReads)); // neither evicts the other's value
        foreach (var (writer, name) in new[] { (old, "Ada King"), (next, "Ada Lovelace") })
        {
            await writer.RenameAsync("1", name);
            Assert.Equal(name, (await old.GetAsync("1"))!["name"]);
            Assert.Equal(name, (await next.GetAsync("1"))!["name"]);
        }
        Assert.Equal(["cache:user:1", "cache:v2:user:1"], RedisServer.Keys(redis));
    }

    [Fact(DisplayName = "value_of_a_newer_schema_is_a_miss")]
    public async Task ValueOfANewerSchemaIsAMiss()
    {
        const string newer = """{"schema":3,"id":"1","name":{"given":"Ada"}}""";
        foreach (var (users, key) in new[] { (old, Old.Key("1")), (next, New.Key("1")) })
        {
            await cache.StringSetAsync(key, newer);
            Assert.Equal("ada@example.com", (await users.GetAsync("1"))!["email"]);
            Assert.Equal(1, users.NewerSchema);
            Assert.Equal(newer, await cache.StringGetAsync(key)); // left to those who can read it
            await users.RenameAsync("1", "Ada Lovelace");
            Assert.True((await cache.StringGetAsync(key)).IsNull); // a write still deletes it
        }
    }

    [Fact(DisplayName = "corrupt_value_of_no_schema_is_overwritten")]
    public async Task CorruptValueOfNoSchemaIsOverwritten()
    {
        string[] corrupt =
        [
            "", "{", "null", "[]", """{"schema":"x"}""", """{"schema":null}""", """{"schema":2,"id":1}""",
            """{"schema":2}""", """{"schema":2,"schema":2}""", """{"schema":1e999}""", """{"schema":2.5}""", "NaN",
        ];
        foreach (var value in corrupt)
        {
            await cache.StringSetAsync(New.Key("1"), value);
            Assert.Equal(NewUser, await next.GetAsync("1"));
            Assert.StartsWith("""{"schema":2,"id":"1""", (string?)await cache.StringGetAsync(New.Key("1")));
        }
        Assert.Equal(corrupt.Length, next.CorruptValues);
        string[] hostile = ["2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", new string('x', 10_000)];
        foreach (var id in hostile)
            Assert.Null(await next.GetAsync(id));
        Assert.Equal("missing", await cache.StringGetAsync(New.Key("*")));
    }
}
