#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Write-behind, the dead letter: set entries aside that were tried again and again and never acknowledged.

using StackExchange.Redis;

static class DeadLetter
{
    const string Stream = "stream:carts", Dead = "stream:carts:dead", Group = "writers";

    // --8<-- [start:bury]
    public const int MaxDeliveries = 5; // no worker claims it any more,
    const int IdleMs = 60_000; // so nobody holds it: longer than any worker takes

    const string BuryScript = """
        local idle = {'IDLE', ARGV[2], '-', '+', 1000}
        local held = redis.pcall('XPENDING', KEYS[1], ARGV[1], unpack(idle))
        if held.err and not held.err:find('^NOGROUP') then return held end  -- a flush
        for _, entry in ipairs(held) do
          local id, deliveries = entry[1], entry[4]
          if deliveries >= tonumber(ARGV[3]) then
            local found = redis.call('XRANGE', KEYS[1], id, id)[1]  -- or it was trimmed
            if found then
              redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(found[2]))
            end
            redis.call('XACK', KEYS[1], ARGV[1], id)
            redis.call('XDEL', KEYS[1], id)
          end
        end
        return redis.call('XLEN', KEYS[2])
        """;

    /// <summary>Run it every minute, and alert on how many lie there.</summary>
    public static async Task<int> BuryAsync(IDatabase cache, int idleMs = IdleMs) =>
        (int)await cache.ScriptEvaluateAsync(
            BuryScript, [Stream, Dead], [Group, idleMs, MaxDeliveries]);
    // --8<-- [end:bury]

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

    static async Task Main()
    {
        await using var redis = await ConnectAsync(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        var cache = redis.GetDatabase();
        await cache.KeyDeleteAsync([Stream, Dead]); // left by an earlier run
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        await cache.StreamAddAsync(Stream, [new("id", "1"), new("data", "no JSON")], "1-0");
        await cache.StreamAddAsync(Stream, [new("id", "2"), new("data", """{"pen":1}""")], "2-0");
        await cache.StreamReadGroupAsync(Stream, Group, "worker", ">");
        for (var delivery = 2; delivery < 6; delivery++)
        {
            await cache.StreamAcknowledgeAsync(Stream, Group, "2-0"); // the database takes it, and refuses the first
            await cache.StreamAutoClaimAsync(Stream, Group, "worker", 0, "0-0");
            Console.WriteLine($"delivery {delivery}, buried: {await BuryAsync(cache, 0)}");
        }
        foreach (var entry in await cache.StreamRangeAsync(Dead))
            Console.WriteLine($"dead letter: {string.Join(' ', entry.Values.Select(field => field.Value))}");
        Console.WriteLine($"still pending: {(await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount}");
    }
}
