using Microsoft.Data.Sqlite;
using StackExchange.Redis;

/// <summary>What the accepting side of write-behind can be told to do.</summary>
static class WriteBehindFaults
{
    const int Tries = 20, Pause = 100; // ms: a client may need a moment to connect again

    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await WriteBehind.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var carts = new WriteBehind.Carts(redis.GetDatabase(), db);
        Task WriteAsync(string id, string pens, string request) => carts.SaveAsync(id, $$"""{"pen":{{pens}}}""", request);

        // Do as the page says: where a write fails, repeat it, the same request
        async Task RepeatAsync(string id, string pens)
        {
            for (var tries = 0; tries < Tries; tries++)
            {
                try { await WriteAsync(id, pens, "of one caller"); return; }
                catch (Exception e) when (e is RedisException or TimeoutException) { await Task.Delay(Pause); }
            }
        }

        return new Operations
        {
            ["read"] = async given => await carts.GetAsync((string)given[0]!) ?? "null",
            ["write"] = async given =>
            {
                await WriteAsync((string)given[0]!, (string)given[1]!, $"{Guid.NewGuid()}");
                return null;
            },
            ["repeat and read"] = async given =>
            {
                await RepeatAsync((string)given[0]!, (string)given[1]!);
                return await carts.GetAsync((string)given[0]!) ?? "null";
            },
            ["depth"] = async _ => $"{(await carts.DepthAsync()).Entries}",
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["cache errors"] = carts.CacheErrors,
                ["refused writes"] = carts.RefusedWrites,
                ["mistakes"] = carts.Mistakes,
                ["corrupt values"] = carts.CorruptValues,
            },
        };
    }
}
