using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;

/// <summary>What write-through can be told to do.</summary>
static class WriteThroughFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await WriteThrough.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var products = new WriteThrough.Products(redis.GetDatabase(), db);
        return new Operations
        {
            ["read"] = async given => await products.GetAsync((string)given[0]!) is { } json ? (string?)JsonNode.Parse(json)!["name"] : null,
            ["write"] = async given =>
            {
                await products.WriteAsync(WriteThrough.Change, (string)given[0]!, (string)given[1]!);
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["cache errors"] = products.CacheErrors,
                ["refused writes"] = products.RefusedWrites,
                ["mistakes"] = products.Mistakes,
                ["corrupt values"] = products.CorruptValues,
            },
        };
    }
}
