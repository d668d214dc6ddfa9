/// <summary>What stale-while-revalidate can be told to do. A minute and a second go by for those who read late.</summary>
static class StaleWhileRevalidateFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await StaleWhileRevalidate.ConnectAsync(url);
        var load = new BooksOfFaults(database);
        var gone = 0;
        var books = new StaleWhileRevalidate.Bestsellers(redis.GetDatabase(), load.LoadAsync)
        {
            Now = () => DateTimeOffset.UtcNow.ToUnixTimeSeconds() + gone,
        };
        return new Operations
        {
            ["read"] = async given => string.Join(", ", await books.GetAsync((string)given[0]!)),
            ["read late"] = async given =>
            {
                gone = 61;
                return string.Join(", ", await books.GetAsync((string)given[0]!));
            },
            ["counts"] = async _ =>
            {
                await books.Refreshing; // the refresh goes on after the answer
                return new Dictionary<string, int>
                {
                    ["database reads"] = load.Reads,
                    ["cache errors"] = books.CacheErrors,
                    ["refused writes"] = books.RefusedWrites,
                    ["mistakes"] = books.Mistakes,
                    ["corrupt values"] = books.CorruptValues,
                    ["refreshes"] = books.Refreshes,
                    ["failed refreshes"] = books.FailedRefreshes,
                };
            },
        };
    }
}
