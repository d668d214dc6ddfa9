#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Sessions that always expire, and an index of each user's sessions that forgets the expired ones.

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

static class Sessions
{
    // --8<-- [start:key]
    // After this time the user signs in again
    public static readonly TimeSpan Ttl = TimeSpan.FromMinutes(30);

    /// <summary>The token opens the session: Redis and its logs see a digest.</summary>
    public static string SessionKey(string token)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        return $"session:{Convert.ToHexStringLower(digest)}";
    }

    static string IndexKey(string userId) => $"user:{userId}:sessions";
    // --8<-- [end:key]

    // --8<-- [start:create]
    public sealed class SessionStore(IDatabase redis, TimeProvider? time = null)
    {
        readonly TimeProvider clock = time ?? TimeProvider.System;

        double Now() => clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

        /// <summary>Begin a session: all or, if this process dies, none.</summary>
        public async Task<string> CreateAsync(string userId)
        {
            var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
            string key = SessionKey(token), index = IndexKey(userId);
            var now = Now();
            var change = redis.CreateTransaction();
            await CommitAsync(change, // queued, not yet sent
                change.HashSetAsync(key,
                    [new("user_id", userId), new("created", (long)now)]),
                change.KeyExpireAsync(key, Ttl),
                change.SortedSetAddAsync(index, key, now + Ttl.TotalSeconds),
                change.SortedSetRemoveRangeByScoreAsync(index, 0, now), // expired
                change.KeyExpireAsync(index, Ttl)); // as long as its youngest
            return token;
        }

        static async Task CommitAsync(ITransaction change, params Task[] commands)
        {
            await change.ExecuteAsync(); // MULTI, the commands, EXEC
            await Task.WhenAll(commands); // throws what failed inside
        }
        // --8<-- [end:create]

        // --8<-- [start:use]
        /// <summary>The id of the user. Null: no such session, or expired.</summary>
        public async Task<string?> UserOfAsync(string token) =>
            await redis.HashGetAsync(SessionKey(token), "user_id");

        /// <summary>The keys of the sessions that have not expired, oldest first.</summary>
        public Task<RedisValue[]> ActiveAsync(string userId) =>
            redis.SortedSetRangeByScoreAsync(
                IndexKey(userId), Now(), exclude: Exclude.Start);

        public async Task EndAsync(string token)
        {
            if (await UserOfAsync(token) is not { } userId) return;
            var key = SessionKey(token);
            var change = redis.CreateTransaction();
            await CommitAsync(change, change.KeyDeleteAsync(key),
                change.SortedSetRemoveAsync(IndexKey(userId), key));
        }

        /// <summary>Sign a user out of all, also of what begins meanwhile.</summary>
        public async Task EndAllAsync(string userId)
        {
            var index = IndexKey(userId);
            while (await redis.SortedSetRangeByRankAsync(index) is { Length: > 0 } keys)
            {
                var change = redis.CreateTransaction(); // then look again
                await CommitAsync(change, change.SortedSetRemoveAsync(index, keys),
                    change.KeyDeleteAsync([.. keys.Select(key => (RedisKey)$"{key}")]));
            }
        }
        // --8<-- [end:use]
    }

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
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            SyncTimeout = 500, // of the backlog too
            AsyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }

    sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var db = redis.GetDatabase();
        var sessions = new SessionStore(db);
        await sessions.EndAllAsync("1"); // left by an earlier run
        var (phone, laptop) = (await sessions.CreateAsync("1"), await sessions.CreateAsync("1"));
        async Task<int> CountAsync(SessionStore seen) => (await seen.ActiveAsync("1")).Length;

        Console.WriteLine($"the phone belongs to user {await sessions.UserOfAsync(phone)}");
        var ttl = await db.KeyTimeToLiveAsync(SessionKey(phone));
        Console.WriteLine($"it expires: {ttl > TimeSpan.Zero && ttl <= Ttl}");
        Console.WriteLine($"active sessions: {await CountAsync(sessions)}");
        await sessions.EndAsync(phone);
        var user = await sessions.UserOfAsync(phone) ?? "None";
        Console.WriteLine($"after signing out on the phone: {user} {await CountAsync(sessions)}");
        var later = new SessionStore(db, new Later(Ttl + TimeSpan.FromSeconds(1)));
        Console.WriteLine($"half an hour later: {await CountAsync(later)}");
        await sessions.EndAllAsync("1");
        user = await sessions.UserOfAsync(laptop) ?? "None";
        Console.WriteLine($"after signing out everywhere: {user} {await CountAsync(sessions)}");
    }
}
