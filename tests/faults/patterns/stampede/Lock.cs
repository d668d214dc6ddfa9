/// <summary>What the lock can be told to do.</summary>
static class LockFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await StampedeLock.ConnectAsync(url);
        var load = new BooksOfFaults(database);
        var books = new StampedeLock.Bestsellers(redis.GetDatabase(), load.LoadAsync);
        return new Operations
        {
            ["read"] = async given => string.Join(", ", await books.GetAsync((string)given[0]!)),
            ["counts"] = async _ => new Dictionary<string, int>
            {
                ["database reads"] = load.Reads,
                ["cache errors"] = books.CacheErrors,
                ["refused writes"] = books.RefusedWrites,
                ["mistakes"] = books.Mistakes,
                ["corrupt values"] = books.CorruptValues,
                ["busy"] = books.Busy,
            },
        };
    }
}
