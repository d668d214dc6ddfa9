#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Cache-aside: read users through Redis; to write, commit to the database, then delete the key.

using System.Text.Json;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class CacheAside
{
    // --8<-- [start:connect]
    /// <summary>Make the one connection of the process. Times are in ms.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(string url)
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            DefaultDatabase = int.TryParse(uri.LocalPath.Trim('/'), out var n) ? n : 0,
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false, // start without Redis, and go on trying
            ConnectTimeout = 500,
            SyncTimeout = 500, // of the backlog too
            AsyncTimeout = 500, // noticed only at a heartbeat, so make it beat often
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast, // no connection: fail at once
            // a push that announces maintenance would stretch the timeouts
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }
    // --8<-- [end:connect]

    // --8<-- [start:model]
    static readonly TimeSpan Ttl = TimeSpan.FromHours(1); // ±10 %: stale for 66 min
    static readonly TimeSpan MissingTtl = TimeSpan.FromMinutes(1); // may soon exist
    const string Missing = "missing"; // not JSON, so no user can be mistaken for it

    /// <summary>What goes into the cache: named fields, no secrets.</summary>
    public sealed record User(string Id, string Name, string Email);

    /// <summary>The only key that this example reads, writes or deletes.</summary>
    public static string UserKey(string id) => $"cache:user:{id}";

    /// <summary>Spread expiries over ±10 %, so that they do not coincide.</summary>
    static TimeSpan Jitter(TimeSpan t) => t * (0.9 + Random.Shared.NextDouble() / 5);
    // --8<-- [end:model]

    // --8<-- [start:kinds]
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
    // --8<-- [end:kinds]

    public sealed class Users(IDatabase cache, SqliteConnection db)
    {
        public int DatabaseReads, CacheErrors, RefusedWrites, Mistakes, CorruptValues;
        // --8<-- [start:read]
        public async Task<User?> GetAsync(string id)
        {
            var key = UserKey(id);
            var cached = await TryCacheAsync(() => cache.StringGetAsync(key));
            if (cached == Missing) return null;
            if (!cached.IsNull && Decode(cached!) is { } known) return known;

            var user = await LoadAsync(id);
            var value = user is null ? Missing : JsonSerializer.Serialize(user, Json);
            var ttl = Jitter(user is null ? MissingTtl : Ttl);
            await TellCacheAsync(() => cache.StringSetAsync(key, value, ttl));
            return user;
        }

        async Task<User?> LoadAsync(string id)
        {
            DatabaseReads++;
            const string sql = "SELECT id, name, email FROM users WHERE id = $id";
            await using var query = new SqliteCommand(sql, db);
            query.Parameters.AddWithValue("$id", id);
            await using var row = await query.ExecuteReaderAsync();
            return await row.ReadAsync()
                ? new(row.GetString(0), row.GetString(1), row.GetString(2)) : null;
        }
        // --8<-- [end:read]

        // --8<-- [start:decode]
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
        // --8<-- [end:decode]

        // --8<-- [start:write]
        public async Task SaveAsync(User user)
        {
            await using var upsert = new SqliteCommand("""
                INSERT INTO users (id, name, email) VALUES ($id, $name, $email)
                ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email
                """, db);
            upsert.Parameters.AddRange(
                [new("$id", user.Id), new("$name", user.Name), new("$email", user.Email)]);
            await upsert.ExecuteNonQueryAsync(); // has committed when it returns
            await TellCacheAsync(() => cache.KeyDeleteAsync(UserKey(user.Id))); // then
        }
        // --8<-- [end:write]

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
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)", db).ExecuteNonQueryAsync();
        var users = new Users(redis.GetDatabase(), db);
        await users.SaveAsync(new User("1", "Ada", "ada@example.com"));
        void Show(string step, User? user) =>
            Console.WriteLine($"{step}: {user?.Name ?? "nobody"}, database reads: {users.DatabaseReads}");
        Show("first read", await users.GetAsync("1"));
        Show("second read", await users.GetAsync("1"));
        await users.SaveAsync(new User("1", "Ada Lovelace", "ada@example.com"));
        Show("read after write", await users.GetAsync("1"));
        await redis.GetDatabase().KeyDeleteAsync(UserKey("2")); // left by an earlier run
        Show("missing user", await users.GetAsync("2"));
        Show("missing user again", await users.GetAsync("2"));
        Console.WriteLine($"cache errors: {users.CacheErrors}");
    }
}
