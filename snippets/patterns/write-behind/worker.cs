#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM.

using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

static class Worker
{
    const string Stream = "stream:carts", Waiting = "stream:carts:waiting", Group = "writers";
    public const int ClaimAfterMs = 30_000; // longer than one entry takes
    public const int MaxDeliveries = 5; // as dead_letter.cs has it, which takes over from there
    public const string Table = @"CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY NOT NULL,
        version TEXT NOT NULL, data TEXT NOT NULL CHECK (json_valid(data)))";

    // --8<-- [start:upsert]
    const string Upsert = @"INSERT INTO carts (id, version, data)
        VALUES ($id, $version, $data) ON CONFLICT (id) DO UPDATE
        SET version = excluded.version, data = excluded.data
        WHERE excluded.version > carts.version"; // an older entry changes nothing

    /// <summary>An entry's two numbers, padded to compare as texts.</summary>
    public static string Sortable(string entryId) =>
        string.Join('-', entryId.Split('-').Select(number => number.PadLeft(20, '0')));
    // --8<-- [end:upsert]

    // --8<-- [start:settle]
    const string Settle = """
        if redis.pcall('HGET', KEYS[1], 'version') == ARGV[2] then
          redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
        end
        if redis.call('HGET', KEYS[3], ARGV[3]) == ARGV[2] then
          redis.call('HDEL', KEYS[3], ARGV[3])  -- no newer one waits
        end
        redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
        return redis.call('XDEL', KEYS[2], ARGV[2])
        """;
    // --8<-- [end:settle]

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

    public sealed class Writer(IDatabase cache, SqliteConnection db, int claimAfterMs = ClaimAfterMs)
    {
        readonly RedisValue name = $"{Environment.MachineName}-{Environment.ProcessId}";
        bool hasGroup = true;
        public bool Stopping { get; set; }
        public readonly Dictionary<string, int> Stats = [];

        // --8<-- [start:run]
        public async Task RunAsync(bool untilEmpty = false)
        {
            using var stop = PosixSignalRegistration.Create(PosixSignal.SIGTERM,
                signal => Stopping = signal.Cancel = true);
            while (!Stopping && (await TurnAsync() != 0 || !untilEmpty)) { }
        }

        /// <summary>Take and write; how many. Null where something is away.</summary>
        public async Task<int?> TurnAsync()
        {
            try
            {
                db.BeginTransaction().Rollback(); // can it write? else take nothing
                if (!hasGroup) await MakeGroupAsync();
                var entries = await ClaimAsync();
                if (entries.Length == 0) entries = await ReadAsync();
                foreach (var entry in entries)
                    if (!Stopping) await HandleAsync(entry); // others claim the rest
                return entries.Length;
            }
            catch (SqliteException) { Count("database errors"); }
            catch (Exception e) when (Counted(e) != Kind.Mistake) { }
            await Task.Delay(200); // nothing is lost: what is not acknowledged stays
            return null;
        }
        // --8<-- [end:run]

        // --8<-- [start:group]
        /// <summary>Only where it is missing: a full Redis refuses it even so.</summary>
        public async Task MakeGroupAsync()
        {
            try { await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0"); }
            catch (RedisServerException e) when (e.Message.StartsWith("BUSYGROUP")) { }
            hasGroup = true; // made by us, or another worker was first
        }

        Kind Counted(Exception e) // differs: a group that is gone is made anew
        {
            var gone = e.Message.StartsWith("NOGROUP"); // at first, after a flush
            var kind = gone ? Kind.Away : KindOf(e);
            hasGroup &= !gone;
            Count(gone ? "no group" : kind == Kind.Away ? "cache errors"
                : kind == Kind.Refused ? "refused writes" : "mistakes");
            return kind;
        }

        void Count(string what) => Stats[what] = Stats.GetValueOrDefault(what) + 1;
        // --8<-- [end:group]

        // --8<-- [start:handle]
        public async Task HandleAsync(StreamEntry entry)
        {
            var (id, data) = ((string?)entry["id"], (string?)entry["data"]);
            await using var upsert = new SqliteCommand(Upsert, db);
            upsert.Parameters.AddWithValue("$id", id as object ?? DBNull.Value);
            upsert.Parameters.AddWithValue("$version", Sortable(entry.Id!));
            upsert.Parameters.AddWithValue("$data", data as object ?? DBNull.Value);
            try { await upsert.ExecuteNonQueryAsync(); } // commits
            catch (SqliteException e) when (e.SqliteErrorCode == 19) // a constraint
            { Count("refused"); return; } // stays pending, is claimed and tried again
            catch (SqliteException)
            { await ClaimAgainAsync(entry.Id); throw; } // not the entry's fault
            RedisKey[] keys = [$"cart:{id}", Stream, Waiting];
            await cache.ScriptEvaluateAsync(Settle, keys, [Group, entry.Id, id]);
            Count("settled");
        }
        // --8<-- [end:handle]

        // --8<-- [start:take]
        public async Task<StreamEntry[]> ReadAsync()
        {
            var found = await cache.StreamReadGroupAsync(Stream, Group, name, ">", 16);
            if (found.Length == 0) await Task.Delay(100); // no BLOCK: it is shared
            return found;
        }

        /// <summary>Take over one that was had too long: each time an attempt.</summary>
        public async Task<StreamEntry[]> ClaimAsync()
        {
            var old = await cache.StreamPendingMessagesAsync(Stream, Group, 1000,
                RedisValue.Null, "-", "+", claimAfterMs);
            foreach (var held in old)
                if (held.DeliveryCount < MaxDeliveries) // else leave it to BuryAsync
                    return await cache.StreamClaimAsync(
                        Stream, Group, name, claimAfterMs, [held.MessageId]);
            return [];
        }

        /// <summary>Hold an entry as if it had come for the first time.</summary>
        Task ClaimAgainAsync(RedisValue id) => cache.ExecuteAsync(
            "XCLAIM", (RedisKey)Stream, Group, name, 0, id, "RETRYCOUNT", 1, "JUSTID");
        // --8<-- [end:take]
    }

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var (cache, database) = (redis.GetDatabase(), Environment.GetEnvironmentVariable("DATABASE"));
        await using var db = new SqliteConnection($"Data Source={database ?? ":memory:"};Default Timeout=5");
        db.Open();
        new SqliteCommand(Table, db).ExecuteNonQuery();
        var after = Environment.GetEnvironmentVariable("CLAIM_AFTER_MS") ?? $"{(database is null ? 0 : ClaimAfterMs)}";
        var writer = new Writer(cache, db, int.Parse(after));
        if (database is not null) { await writer.RunAsync(); return; }

        await cache.KeyDeleteAsync(Stream); // left by an earlier run
        await writer.MakeGroupAsync();
        await cache.StreamAddAsync(Stream, [new("id", "1"), new("data", """{"pen":1}""")], "1-0");
        await cache.StreamAddAsync(Stream, [new("id", "1"), new("data", """{"pen":2}""")], "2-0");
        await cache.HashSetAsync("cart:1", [new("version", "2-0"), new("data", """{"pen":2}""")]);
        await cache.StreamReadGroupAsync(Stream, Group, "dies with it", ">", 1);
        string Row() => "1 " + new SqliteCommand("SELECT data FROM carts WHERE id = '1'", db).ExecuteScalar();
        await writer.HandleAsync((await writer.ReadAsync()).Single());
        Console.WriteLine($"the newer entry is written: {Row()}");
        await writer.RunAsync(untilEmpty: true);
        Console.WriteLine($"the older one comes again: {Row()}");
        var ttl = await cache.KeyTimeToLiveAsync("cart:1");
        Console.WriteLine($"waiting: {cache.StreamLength(Stream)} TTL of the cart in minutes: {ttl?.TotalMinutes:F0}");
    }
}
