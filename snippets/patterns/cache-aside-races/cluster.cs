#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so.

using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using static StackExchange.Redis.ConnectionFailureType;

static class Cluster
{
    // --8<-- [start:connect]
    /// <summary>Any node will do: by CLUSTER it tells of the others.</summary>
    public static ConfigurationOptions Options(string url) => new()
    {
        EndPoints = { { new Uri(url).Host, new Uri(url).Port } },
        AbortOnConnectFail = false,
        ConnectTimeout = 500,
        AsyncTimeout = 500,
        HeartbeatInterval = TimeSpan.FromMilliseconds(50),
        BacklogPolicy = BacklogPolicy.FailFast,
    };

    public static async Task<ConnectionMultiplexer> ConnectAsync(
        string url) => // differs: its options serve twice
        await ConnectionMultiplexer.ConnectAsync(Options(url));
    // --8<-- [end:connect]

    static string UserKey(string id) => $"cache:user:{id}";

    /// <summary>Users as JSON: cache-aside, as short as it can be.</summary>
    public sealed class Users(IDatabase cache, SqliteConnection db)
    {
        public int DatabaseReads, CacheErrors;

        public async Task<string?> GetAsync(string id)
        {
            var cached = await TryCacheAsync(() => cache.StringGetAsync(UserKey(id)));
            if (!cached.IsNull) return cached;
            DatabaseReads++;
            const string sql = "SELECT json_object('id', id, 'name', name, 'email', email) FROM users WHERE id = $id";
            await using var query = new SqliteCommand(sql, db);
            query.Parameters.AddWithValue("$id", id);
            var user = (string?)await query.ExecuteScalarAsync();
            if (user is not null)
                await TryCacheAsync(() => cache.StringSetAsync(UserKey(id), user, TimeSpan.FromHours(1)));
            return user;
        }

        // --8<-- [start:fail-open]
        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (IsOutage(e))
            {
                Interlocked.Increment(ref CacheErrors);
                return default;
            }
        }

        // a MOVED to a node that it does not know comes as a lost connection, and is none
        static bool IsOutage(Exception e) => // differs: a cluster can be down as a whole
            e.Message.StartsWith("CLUSTERDOWN") || e is RedisTimeoutException
            or RedisConnectionException && !BadLogin(e) && !IsMoved(e);
        static bool BadLogin(Exception? e) => e is not null && (BadLogin(e.InnerException)
            || e is RedisConnectionException { FailureType: AuthenticationFailure });

        public static bool IsMoved(Exception e) => e.Message.Contains("serving hashslot");
        // --8<-- [end:fail-open]
    }

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_CLUSTER_URL") ?? "redis://127.0.0.1:7000";
        await using var cluster = await ConnectAsync(url);
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)", db).ExecuteNonQueryAsync();
        for (var number = 0; number < 20; number++)
        {
            var sql = $"INSERT INTO users VALUES ('{number}', 'user {number}', '{number}@example.com')";
            await new SqliteCommand(sql, db).ExecuteNonQueryAsync();
            await cluster.GetDatabase().KeyDeleteAsync(UserKey($"{number}")); // left by an earlier run
        }

        var users = new Users(cluster.GetDatabase(), db);
        for (var number = 0; number < 40; number++)
            await users.GetAsync($"{number % 20}");
        Console.WriteLine($"cluster client: 40 reads, {users.DatabaseReads} of the database");
        var sizes = await Task.WhenAll(cluster.GetServers().Select(shard => shard.DatabaseSizeAsync()));
        Console.WriteLine($"keys on the shards: {string.Join(' ', sizes.Order())}");

        var options = Options(url); // as where an ACL refuses CLUSTER
        options.CommandMap = CommandMap.Create(["CLUSTER"], available: false);
        await using var plain = await ConnectionMultiplexer.ConnectAsync(options);
        var (unaware, moved) = (new Users(plain.GetDatabase(), db), 0);
        for (var number = 0; number < 20; number++)
        {
            try { await unaware.GetAsync($"{number}"); }
            catch (RedisConnectionException e) when (Users.IsMoved(e)) { moved++; }
        }
        Console.WriteLine($"client without a map: 20 reads, {moved} MOVED, {unaware.CacheErrors} cache errors");
    }
}
