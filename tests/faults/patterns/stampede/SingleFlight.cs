/// <summary>What single flight can be told to do.</summary>
static class SingleFlightFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await SingleFlight.ConnectAsync(url);
        var load = new BooksOfFaults(database);
        var books = new SingleFlight.Bestsellers(redis.GetDatabase(), load.LoadAsync);
        return new Operations
        {
            ["read"] = async given => string.Join(", ", await books.GetAsync((string)given[0]!)),
            ["write"] = async given =>
            {
                await load.WriteAsync((string)given[0]!, (string)given[1]!);
                await books.ChangedAsync((string)given[0]!);
                return null;
            },
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["database reads"] = load.Reads,
                ["cache errors"] = books.CacheErrors,
                ["refused writes"] = books.RefusedWrites,
                ["mistakes"] = books.Mistakes,
                ["corrupt values"] = books.CorruptValues,
            },
        };
    }
}
