using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

/// <summary>What HybridCache can be told to do. Each read comes to a node that has nothing in its memory.</summary>
static class HybridCacheFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await HybridCaching.ConnectAsync(url);
        var load = new BooksOfFaults(database);
        HybridCaching.Shop Node() => new(HybridCaching.StartNode(redis).GetRequiredService<HybridCache>(), load.LoadAsync);
        var known = Node();
        return new Operations
        {
            ["read"] = async given => string.Join(", ", await known.GetAsync((string)given[0]!)),
            ["read elsewhere"] = async given => string.Join(", ", await Node().GetAsync((string)given[0]!)),
            ["counts"] = async _ => new Dictionary<string, int> { ["database reads"] = load.Reads },
        };
    }
}
