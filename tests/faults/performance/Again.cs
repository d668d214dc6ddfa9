using System.Diagnostics;
using System.Text.Json.Nodes;
using StackExchange.Redis;

/// <summary>What programs that only make a connection are held to when a condition is over.</summary>
static class Again
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Return what does something until it is answered: the connection finds Redis by itself.</summary>
    public static Func<JsonArray, Task<object?>> Until(Func<JsonArray, Task<object?>> operation) => async given =>
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try { return await operation(given); }
            catch (Exception) when (watch.Elapsed < Patience) { await Task.Delay(100); }
        }
    };

    /// <summary>Return the operations on one key of a connection.</summary>
    public static Operations On(IDatabase db)
    {
        const string key = "demo:greeting:1";
        async Task<object?> ReadAsync() => (string?)await db.StringGetAsync(key);
        Task WriteAsync(JsonArray given) => db.StringSetAsync(key, (string)given[0]!, TimeSpan.FromMinutes(1));
        return new Operations
        {
            ["read"] = _ => ReadAsync(),
            ["write"] = async given =>
            {
                await WriteAsync(given);
                return null;
            },
            ["again"] = Until(async given =>
            {
                await WriteAsync(given);
                return await ReadAsync();
            }),
            ["counts"] = _ => Task.FromResult<object?>(new Dictionary<string, int>()),
        };
    }
}
