using Microsoft.Data.Sqlite;

/// <summary>What the newer of two releases can be told to do.</summary>
static class SchemaFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await Schema.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var users = new Schema.Users(redis.GetDatabase(), db, Schema.New);
        return new Operations
        {
            ["read"] = async given => (await users.GetAsync((string)given[0]!))?["name"],
            ["write"] = async given =>
            {
                await users.RenameAsync((string)given[0]!, (string)given[1]!);
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["database reads"] = users.DatabaseReads,
                ["cache errors"] = users.CacheErrors,
                ["refused writes"] = users.RefusedWrites,
                ["mistakes"] = users.Mistakes,
                ["corrupt values"] = users.CorruptValues,
                ["newer schema"] = users.NewerSchema,
            },
        };
    }
}
