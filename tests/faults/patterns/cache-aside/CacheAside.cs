using Microsoft.Data.Sqlite;

/// <summary>What cache-aside can be told to do.</summary>
static class CacheAsideFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await CacheAside.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var users = new CacheAside.Users(redis.GetDatabase(), db);
        return new Operations
        {
            ["read"] = async given => (await users.GetAsync((string)given[0]!))?.Name,
            ["write"] = async given =>
            {
                await users.SaveAsync(new((string)given[0]!, (string)given[1]!, "ada@example.com"));
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["database reads"] = users.DatabaseReads,
                ["cache errors"] = users.CacheErrors,
                ["refused writes"] = users.RefusedWrites,
                ["mistakes"] = users.Mistakes,
                ["corrupt values"] = users.CorruptValues,
            },
        };
    }
}
