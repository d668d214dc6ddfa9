using Microsoft.Data.Sqlite;

/// <summary>What versioned cache-aside can be told to do.</summary>
static class VersionedFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await Versioned.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var products = new Versioned.Products(redis.GetDatabase(), db);
        return new Operations
        {
            ["read"] = async given => (await products.GetAsync((string)given[0]!))?.Name,
            ["write"] = async given =>
            {
                await products.SaveAsync(new((string)given[0]!, (string)given[1]!, 450));
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["database reads"] = products.DatabaseReads,
                ["cache errors"] = products.CacheErrors,
                ["refused writes"] = products.RefusedWrites,
                ["mistakes"] = products.Mistakes,
                ["corrupt values"] = products.CorruptValues,
            },
        };
    }
}
