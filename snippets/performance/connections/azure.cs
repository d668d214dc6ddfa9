#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// Connect to Azure Managed Redis: TLS on port 10000, an access key from the environment; the client finds the cluster.

using StackExchange.Redis;

static class AzureConnection // a class `Azure` would hide the namespace Azure.Identity
{
    // --8<-- [start:connect]
    /// <summary>Make the one multiplexer of the process. It finds out by itself
    /// that it talks to a cluster. `ca`: for a certificate of your own.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(
        string url, string? key = null, string? ca = null) // differs: TLS, a key
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        var options = new ConfigurationOptions
        {
            // without a port, StackExchange.Redis would take 6380 for TLS
            EndPoints = { { uri.Host, uri.Port < 0 ? 10000 : uri.Port } },
            Ssl = uri.Scheme == "rediss", // checked against this name, on all nodes
            User = login.First(),
            Password = key ?? login.ElementAtOrDefault(1), // or ConfigureForAzure…
            AbortOnConnectFail = false, // start without Redis, and go on trying
            BacklogPolicy = BacklogPolicy.FailFast, // meanwhile, fail at once
            ConnectTimeout = 5000,
            AsyncTimeout = 500,
            SyncTimeout = 500,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50), // finds timeouts
            // a push that announces maintenance would stretch the timeouts
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        };
        if (ca is not null) options.TrustIssuer(ca);
        return await ConnectionMultiplexer.ConnectAsync(options);
    }
    // --8<-- [end:connect]

    static async Task Main()
    {
        // rediss://NAME.REGION.redis.azure.net:10000, and its access key
        var azure = Environment.GetEnvironmentVariable("AZURE_REDIS_URL");
        var local = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = azure is null
            ? await ConnectAsync(local)
            : await ConnectAsync(azure, Environment.GetEnvironmentVariable("AZURE_REDIS_KEY"));
        await redis.GetDatabase().StringSetAsync("demo:azure", "hello", TimeSpan.FromMinutes(1));
        Console.WriteLine($"read back: {await redis.GetDatabase().StringGetAsync("demo:azure")}");
    }
}
