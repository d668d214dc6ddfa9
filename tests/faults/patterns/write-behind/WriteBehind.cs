using Microsoft.Data.Sqlite;

/// <summary>What the accepting side of write-behind can be told to do.</summary>
static class WriteBehindFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await WriteBehind.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var carts = new WriteBehind.Carts(redis.GetDatabase(), db);
        Task WriteAsync(string id, string pens) => carts.SaveAsync(id, $$"""{"pen":{{pens}}}""", $"{Guid.NewGuid()}");
        return new Operations
        {
            ["read"] = async given => await carts.GetAsync((string)given[0]!) ?? "null",
            ["write"] = async given =>
            {
                await WriteAsync((string)given[0]!, (string)given[1]!);
                return null;
            },
            ["write and read"] = async given =>
            {
                await WriteAsync((string)given[0]!, (string)given[1]!);
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
