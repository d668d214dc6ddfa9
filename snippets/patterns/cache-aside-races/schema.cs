#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// A schema version in the key: two releases of one program run side by side, and neither reads the other's values.

using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;
using User = System.Collections.Generic.Dictionary<string, string>;

static class Schema
{
    const int Ttl = 3600, MissingTtl = 60; // s
    const string Missing = "missing";

    // --8<-- [start:releases]
    public sealed record Release(int Schema, string Prefix, string[] Fields)
    {
        public string Key(string id) => Prefix + id; // each schema has a key of its own
    }

    public static readonly Release Old = new(1, "cache:user:", ["id", "name", "email"]);
    public static readonly Release New =
        new(2, "cache:v2:user:", ["id", "name", "email", "plan"]);

    static readonly Release[] Alive = [Old, New]; // ship this list a release before New
    // --8<-- [end:releases]

    public sealed class Users(IDatabase cache, SqliteConnection db, Release release)
    {
        public int DatabaseReads, CacheErrors, RefusedWrites, Mistakes, CorruptValues, NewerSchema;

        // --8<-- [start:read]
        public async Task<User?> GetAsync(string id)
        {
            var cached = await TryCacheAsync(() => cache.StringGetAsync(release.Key(id)));
            if (cached == Missing) return null;
            var (schema, known) = cached.IsNull ? (0, null) : Decode(cached!);
            if (known is not null) return known;
            var user = await LoadAsync(id);
            if (schema > release.Schema)
            {
                NewerSchema++;
                return user; // and leave the newer value to those who can read it
            }
            if (!cached.IsNull) CorruptValues++;
            var value = user is null ? Missing : Encode(user);
            var ttl = TimeSpan.FromSeconds(user is null ? MissingTtl : Ttl);
            ttl *= 0.9 + Random.Shared.NextDouble() / 5;
            await TellCacheAsync(() => cache.StringSetAsync(release.Key(id), value, ttl));
            return user;
        }
        // --8<-- [end:read]

        // --8<-- [start:decode]
        /// <summary>The schema of a value, 0 if none; the user if we can read it.</summary>
        (int Schema, User? User) Decode(string cached) // differs: says the schema too
        {
            try
            {
                var value = JsonNode.Parse(cached)!.AsObject();
                var schema = value["schema"]?.GetValue<int>() ?? 1;
                value.Remove("schema");
                if (schema != release.Schema) return (schema, null);
                var user = value.Deserialize<User>()!;
                var ours = user.Keys.Order().SequenceEqual(release.Fields.Order());
                return (schema, ours && !user.ContainsValue(null!) ? user : null);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException
                or ArgumentException or FormatException or NullReferenceException)
            {
                return (0, null); // no JSON, or no object with a number of its schema
            }
        }
        // --8<-- [end:decode]

        string Encode(User user)
        {
            var value = new JsonObject();
            if (release.Schema > 1) value["schema"] = release.Schema; // the first release had none
            foreach (var field in release.Fields) value[field] = user[field];
            return value.ToJsonString();
        }

        async Task<User?> LoadAsync(string id)
        {
            DatabaseReads++;
            var sql = $"SELECT {string.Join(',', release.Fields)} FROM users WHERE id = $id"; // our own names, no input
            await using var query = new SqliteCommand(sql, db);
            query.Parameters.AddWithValue("$id", id);
            await using var row = await query.ExecuteReaderAsync();
            return await row.ReadAsync() ? release.Fields.ToDictionary(field => field, field => (string)row[field]) : null;
        }

        // --8<-- [start:write]
        public async Task RenameAsync(string id, string name)
        {
            const string sql = "UPDATE users SET name = $name WHERE id = $id";
            await using var update = new SqliteCommand(sql, db);
            update.Parameters.AddRange([new("$name", name), new("$id", id)]);
            await update.ExecuteNonQueryAsync(); // has committed when it returns
            foreach (var each in Alive) // one DEL each: in a cluster they lie on two shards
                await TellCacheAsync(() => cache.KeyDeleteAsync(each.Key(id)));
        }
        // --8<-- [end:write]

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
    }

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

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url);
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync([Old.Key("1"), New.Key("1")]); // left by an earlier run
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        var table = "CREATE TABLE users AS SELECT '1' AS id, 'Ada' AS name, 'ada@example.com' AS email, 'pro' AS plan";
        await new SqliteCommand(table, db).ExecuteNonQueryAsync();
        var (before, after) = (new Users(cache, db, Old), new Users(cache, db, New));
        async Task Show(string step, Users u) => Console.WriteLine($"{step}: {string.Join(' ', (await u.GetAsync("1"))!.Values)}");
        await Show("old release", before);
        await Show("new release", after);
        await before.RenameAsync("1", "Ada Lovelace");
        await Show("new release, after the old one wrote", after);
        await Show("old release, too", before);
        await cache.StringSetAsync(New.Key("1"), """{"schema":3,"id":"1"}""", TimeSpan.FromHours(1));
        await Show("a value of schema 3 under the same key", after);
        Console.WriteLine($"newer schema: {after.NewerSchema} - the key still holds {await cache.StringGetAsync(New.Key("1"))}");
    }
}
