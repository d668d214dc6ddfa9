#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class Cluster
{
    // --8<-- [start:connect]
    /// <summary>Any node will do: by CLUSTER it tells of the others.</summary>
    public static ConfigurationOptions Options(string url)
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            SyncTimeout = 500, // of the backlog too
            AsyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        };
    }

    public static async Task<ConnectionMultiplexer> ConnectAsync(
        string url) => // differs: its options serve twice
        await ConnectionMultiplexer.ConnectAsync(Options(url));
    // --8<-- [end:connect]

    enum Kind { Away, Refused, Mistake }

    /// <summary>What an error of Redis or its client means to us.</summary>
    static Kind KindOf(Exception e) => new FaultContext(e).ErrorKind switch
    {
        OutOfMemory or Misconfigured or NoReplicas => Kind.Refused, // it serves reads
        ConnectionFault when BadLogin(e) || e.Message.Contains("hashslot") // a MOVED
            => Kind.Mistake, // waiting mends no password, and finds no other shard
        ConnectionFault or RedisErrorKind.Timeout or Loading or MaxClients
            or ReadOnly or ClusterDown or MasterDown or TryAgain or Busy => Kind.Away,
        _ => Kind.Mistake, // WRONGTYPE, NOPERM, a bug of ours
    };

    static bool BadLogin(Exception? e) => e is RedisConnectionException known
        && known.FailureType is ConnectionFailureType.AuthenticationFailure
        || e is not null && BadLogin(e.InnerException);

    static string UserKey(string id) => $"cache:user:{id}";

    public sealed record User(string Id, string Name, string Email);

    /// <summary>Cache-aside, as short as it can be.</summary>
    public sealed class Users(IDatabase cache, SqliteConnection db)
    {
        public int DatabaseReads, CacheErrors, RefusedWrites, Mistakes, CorruptValues;

        public async Task<User?> GetAsync(string id)
        {
            var cached = await TryCacheAsync(() => cache.StringGetAsync(UserKey(id)));
            if (cached == "missing") return null;
            if (!cached.IsNull && Decode(cached!) is { } known) return known;
            DatabaseReads++;
            await using var query = new SqliteCommand("SELECT id, name, email FROM users WHERE id = $id", db);
            query.Parameters.AddWithValue("$id", id);
            await using var row = await query.ExecuteReaderAsync();
            if (!await row.ReadAsync()) return null;
            var user = new User(row.GetString(0), row.GetString(1), row.GetString(2));
            var value = JsonSerializer.Serialize(user, Json);
            await TellCacheAsync(() => cache.StringSetAsync(UserKey(id), value, TimeSpan.FromHours(1)));
            return user;
        }

        static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
        { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

        /// <summary>The cached user. Anything else is counted, and is a miss.</summary>
        User? Decode(string json)
        {
            try { if (JsonSerializer.Deserialize<User>(json, Json) is { } u) return u; }
            catch (JsonException) { } // no JSON, or not exactly these fields
            CorruptValues++;
            return null;
        }

        // --8<-- [start:fail-open]
        /// <summary>Ask. Redis away: count, answer default. A mistake surfaces.</summary>
        async Task<T?> TryCacheAsync<T>(Func<Task<T>> command)
        {
            try { return await command(); }
            catch (Exception e) when (Counted(e) is not Kind.Mistake) { return default; }
        }

        /// <summary>Tell. The caller has its row or its commit in any case.</summary>
        async Task TellCacheAsync(Func<Task> command)
        {
            try { await command(); }
            catch (Exception e)
            {
                if (Counted(e) is Kind.Mistake) Console.Error.WriteLine(e); // be loud
            }
        }

        Kind Counted(Exception e)
        {
            var kind = KindOf(e);
            ref var count = ref kind == Kind.Away ? ref CacheErrors
                : ref kind == Kind.Refused ? ref RefusedWrites : ref Mistakes;
            Interlocked.Increment(ref count);
            return kind;
        }
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
            catch (RedisConnectionException e) when (e.Message.Contains("hashslot")) { moved++; }
        }
        Console.WriteLine($"client without a map: 20 reads, {moved} MOVED, {unaware.CacheErrors} cache errors");
    }
}
