using Microsoft.Data.Sqlite;

/// <summary>What cache-aside on a cluster can be told to do.</summary>
static class ClusterFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await Cluster.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var users = new Cluster.Users(redis.GetDatabase(), db);
        return new Operations
        {
            ["read"] = async given => (await users.GetAsync((string)given[0]!))?.Name,
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
