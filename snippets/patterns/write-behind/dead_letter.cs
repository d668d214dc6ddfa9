#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Write-behind, the dead letter: set entries aside that were delivered again and again and never acknowledged.

using StackExchange.Redis;

static class DeadLetter
{
    const string Stream = "stream:carts", Dead = "stream:carts:dead", Group = "writers";

    // --8<-- [start:bury]
    public const int MaxDeliveries = 5;
    const int IdleMs = 60_000; // longer than any worker takes: nobody holds it now

    const string BuryScript = """
        local idle, buried = {'IDLE', ARGV[2], '-', '+', 100}, 0
        for _, held in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], unpack(idle))) do
          local id, deliveries = held[1], held[4]
          local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
          if entry and deliveries >= tonumber(ARGV[3]) then
            redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(entry[2]))
            redis.call('XACK', KEYS[1], ARGV[1], id)
            redis.call('XDEL', KEYS[1], id)
            buried = buried + 1
          end
        end
        return buried
        """;

    /// <summary>Run it every minute, and alert on how many were buried.</summary>
    public static async Task<int> BuryAsync(IDatabase cache, int idleMs = IdleMs) =>
        (int)await cache.ScriptEvaluateAsync(
            BuryScript, [Stream, Dead], [Group, idleMs, MaxDeliveries]);
    // --8<-- [end:bury]

    static async Task Main()
    {
        var url = new Uri(Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379");
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{url.Host}:{url.Port}");
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
