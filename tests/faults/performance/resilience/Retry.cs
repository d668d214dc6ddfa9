/// <summary>What retries can be told to do.</summary>
static class RetryFaults
{
    public static async Task<Operations> OpenAsync(string url, string _)
    {
        var redis = await Retry.ConnectAsync(url);
        async Task<object?> ReadAsync() => (string?)await Retry.SendAsync(redis, cache => cache.StringGetAsync("demo:name"));
        Task WriteAsync(string name) =>
            Retry.SendAsync(redis, cache => cache.StringSetAsync("demo:name", name, TimeSpan.FromMinutes(1)));
        return new Operations
        {
            ["read"] = _ => ReadAsync(),
            ["write"] = async given =>
            {
                await WriteAsync((string)given[0]!);
                return null;
            },
            ["count"] = async _ =>
            {
                await Retry.SendAsync(redis, cache => cache.StringIncrementAsync("counter:orders"));
                return "counted";
            },
            ["count once"] = async given =>
            {
                await Retry.SendAsync(redis, cache => Retry.CountOnceAsync(cache, "orders", (string)given[0]!));
                return "counted";
            },
            ["again"] = Again.Until(async given =>
            {
                await WriteAsync((string)given[0]!);
                return await ReadAsync();
            }),
            ["counts"] = _ => Task.FromResult<object?>(new Dictionary<string, int>()),
        };
    }
}
