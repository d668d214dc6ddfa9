/// <summary>What the circuit breaker can be told to do, with the constants of the program's own run.</summary>
static class BreakerFaults
{
    public static async Task<Operations> OpenAsync(string url, string _)
    {
        var cache = (await Breaker.ConnectAsync(url)).GetDatabase();
        var (sent, instead) = (0, 0);
        var breaker = new Breaker.CircuitBreaker(3, TimeSpan.FromSeconds(2.5));
        Task<string> CallAsync(Func<Task<string>> command, Func<string> fallback) => breaker.CallAsync(
            () =>
            {
                Interlocked.Increment(ref sent);
                return command();
            },
            () =>
            {
                Interlocked.Increment(ref instead);
                return Task.FromResult(fallback());
            });
        Task<string> ReadAsync() => CallAsync(
            async () => (string?)await cache.StringGetAsync("demo:name") ?? "nothing", () => "Ada from the database");
        Task<string> WriteAsync() => CallAsync(
            async () => await cache.StringSetAsync("demo:name", "Ada from Redis", TimeSpan.FromMinutes(1))
                ? "stored" : "not set", () => throw new InvalidOperationException("not stored"));
        return new Operations
        {
            ["read"] = async _ => await ReadAsync(),
            ["ten"] = async _ =>
            {
                for (var i = 0; i < 10; i++) await ReadAsync();
                return "ten answers";
            },
            ["write"] = async _ => await WriteAsync(),
            ["again"] = Again.Until(async _ =>
            {
                await WriteAsync();
                return await ReadAsync();
            }),
            ["counts"] = _ => Task.FromResult<object?>(
                new Dictionary<string, int> { ["sent"] = sent, ["from the database"] = instead }),
        };
    }
}
