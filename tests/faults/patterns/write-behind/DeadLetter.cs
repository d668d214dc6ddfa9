using StackExchange.Redis;

/// <summary>What the dead letter of write-behind can be told to do.</summary>
static class DeadLetterFaults
{
    const string Stream = "stream:carts", Group = "writers";
    const int Tries = 20, Pause = 100; // ms: a client may need a moment to connect again

    public static async Task<Operations> OpenAsync(string url, string _)
    {
        var redis = await DeadLetter.ConnectAsync(url);
        var cache = redis.GetDatabase();

        // Leave an entry that was delivered five times, the last time a minute ago
        async Task PoisonAsync(IDatabase admin)
        {
            var entry = await admin.StreamAddAsync(Stream, [new("id", "1"), new("data", "no JSON")]);
            if ((await admin.StreamGroupInfoAsync(Stream)).Length == 0)
                await admin.StreamCreateConsumerGroupAsync(Stream, Group, "0");
            await admin.StreamReadGroupAsync(Stream, Group, "worker", ">");
            await admin.ExecuteAsync(
                "XCLAIM", Stream, Group, "worker", 0, entry, "IDLE", 60_000, "RETRYCOUNT", 5, "JUSTID");
        }

        return new Operations
        {
            ["poison"] = async _ =>
            {
                await using var own = await DeadLetter.ConnectAsync(url);
                await PoisonAsync(own.GetDatabase());
                return null;
            },
            ["bury"] = async _ => $"{await DeadLetter.BuryAsync(cache)}",
            ["poison and bury"] = async _ =>
            {
                await using var own = await DeadLetter.ConnectAsync(url);
                await PoisonAsync(own.GetDatabase());
                for (var tries = 0; tries < Tries; tries++) // the job runs again and again
                {
                    try { await DeadLetter.BuryAsync(cache); break; }
                    catch (Exception e) when (e is RedisException or TimeoutException) { await Task.Delay(Pause); }
                }
                return $"{await own.GetDatabase().StreamLengthAsync(Stream)}";
            },
            ["counts"] = _ => Task.FromResult<object?>(new Dictionary<string, int>()),
        };
    }
}
