#:package StackExchange.Redis@3.4.35
#:package Microsoft.Data.Sqlite@10.0.13
#:property PublishAot=false
// Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM.

using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;

static class Worker
{
    const string Stream = "stream:carts", Group = "writers";
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
        if redis.call('HGET', KEYS[1], 'version') == ARGV[2] then
          redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
        end
        redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
        return redis.call('XDEL', KEYS[2], ARGV[2])
        """;
    // --8<-- [end:settle]

    public sealed class Writer(IDatabase cache, SqliteConnection db, int claimAfterMs)
    {
        readonly RedisValue name = $"{Environment.MachineName}-{Environment.ProcessId}";
        RedisValue cursor = "0-0";
        public bool Stopping { get; set; }
        public (int Settled, int Refused, int Outages) Stats;

        // --8<-- [start:run]
        public async Task RunAsync(bool untilEmpty = false)
        {
            using var stop = PosixSignalRegistration.Create(PosixSignal.SIGTERM,
                signal => Stopping = signal.Cancel = true);
            while (!Stopping)
            {
                try
                {
                    db.BeginTransaction().Rollback(); // can it write? else take nothing
                    var entries = await ClaimAsync();
                    if (entries.Length == 0) entries = await ReadAsync();
                    foreach (var entry in entries)
                    {
                        if (Stopping) return; // another worker will claim the rest
                        await HandleAsync(entry);
                    }
                    if (untilEmpty && entries.Length == 0) return;
                }
                catch (Exception e) when (IsOutage(e))
                {
                    Stats.Outages++; // nothing is lost: what is not acknowledged stays
                    await Task.Delay(200);
                }
            }
        }
        // --8<-- [end:run]

        static bool IsOutage(Exception e) => // differs: the database may be away, too
            e is RedisTimeoutException or RedisConnectionException or SqliteException;

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
            { Stats.Refused++; return; } // stays pending, is claimed and tried again
            RedisKey[] keys = [$"cart:{id}", Stream];
            await cache.ScriptEvaluateAsync(Settle, keys, [Group, entry.Id]);
            Stats.Settled++;
        }
        // --8<-- [end:handle]

        // --8<-- [start:take]
        public async Task<StreamEntry[]> ReadAsync()
        {
            var found = await cache.StreamReadGroupAsync(Stream, Group, name, ">", 16);
            if (found.Length == 0) await Task.Delay(100); // no BLOCK: it is shared
            return found;
        }

        /// <summary>Take over what was had for too long: its worker may be dead.</summary>
        public async Task<StreamEntry[]> ClaimAsync()
        {
            var taken = await cache.StreamAutoClaimAsync(
                Stream, Group, name, claimAfterMs, cursor, 16);
            cursor = taken.NextStartId;
            return taken.ClaimedEntries;
        }
        // --8<-- [end:take]
    }

    public static async Task<ConnectionMultiplexer> ConnectAsync(string url)
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            AsyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
        });
    }

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var (cache, database) = (redis.GetDatabase(), Environment.GetEnvironmentVariable("DATABASE"));
        await using var db = new SqliteConnection($"Data Source={database ?? ":memory:"};Default Timeout=5");
        db.Open();
        new SqliteCommand(Table, db).ExecuteNonQuery();
        if (database is null) await cache.KeyDeleteAsync(Stream); // left by an earlier run
        try { await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0"); }
        catch (RedisServerException e) when (e.Message.StartsWith("BUSYGROUP")) { } // another worker was first
        var after = Environment.GetEnvironmentVariable("CLAIM_AFTER_MS") ?? (database is null ? "0" : "30000");
        var writer = new Writer(cache, db, int.Parse(after));
        if (database is not null) { await writer.RunAsync(); return; }

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
