using Microsoft.Data.Sqlite;

/// <summary>What read-through can be told to do; who writes tells it afterwards.</summary>
static class ReadThroughFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await ReadThrough.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var carts = ReadThrough.MakeCarts(redis.GetDatabase(), db);
        return new Operations
        {
            ["read"] = async given => await ReadThrough.DescribeAsync(carts, (string)given[0]!),
            ["write"] = async given =>
            {
                await using var update = new SqliteCommand("UPDATE cart_items SET quantity = $q WHERE cart_id = $id", db);
                update.Parameters.AddRange([new("$q", int.Parse((string)given[1]!)), new("$id", (string)given[0]!)]);
                await update.ExecuteNonQueryAsync();
                await carts.ForgetAsync((string)given[0]!);
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["loads"] = carts.Loads,
                ["cache errors"] = carts.CacheErrors,
                ["refused writes"] = carts.RefusedWrites,
                ["mistakes"] = carts.Mistakes,
                ["corrupt values"] = carts.CorruptValues,
            },
        };
    }
}
