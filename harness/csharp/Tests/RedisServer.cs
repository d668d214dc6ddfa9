using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

// The tests share one Redis and so take turns, but for classes that name a collection: theirs have servers of their own,
// and mostly wait.
[assembly: Xunit.CollectionBehavior(Xunit.CollectionBehavior.CollectionPerAssembly, MaxParallelThreads = 4)]

/// <summary>A private redis-server without persistence, on 127.0.0.1 only, for a test to kill.</summary>
sealed class RedisServer(Process keeper, string url) : IAsyncDisposable
{
    // Kills the server once our end of its input closes, so also where the test process itself was killed
    const string Keeper = """dir=$1; shift; "$@" & read -r _; kill -9 $!; wait $!; rm -rf "$dir" """;

    public string Url => url;

    /// <summary>Start one on a free port, and wait until it answers. Throws with its log if it does not.</summary>
    public static async Task<RedisServer> StartAsync() =>
        await StartAsync(FreePort()) ?? await StartAsync(); // another process took the port

    /// <summary>Start a cluster of one node, which serves all slots.</summary>
    public static async Task<RedisServer> StartClusterAsync()
    {
        // by default its second port is 10,000 above the first, which may be too high
        string[] options = ["--cluster-enabled", "yes", "--cluster-port", $"{FreePort()}", "--cluster-announce-ip", "127.0.0.1"];
        if (await StartAsync(FreePort(), options) is not { } server) return await StartClusterAsync();
        await using var admin = await AdminAsync(server.Url);
        var node = admin.GetServers().Single();
        await node.ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await UntilClusterAsync(node, "ok");
        return server;
    }

    /// <summary>Wait until a node of a cluster says that it is "ok", or that it is a "fail".</summary>
    public static async Task UntilClusterAsync(IServer node, string state)
    {
        while (!$"{await node.ExecuteAsync("CLUSTER", "INFO")}".Contains($"cluster_state:{state}")) await Task.Delay(20);
    }

    static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    /// <summary>Start it again at the port that it had before it was killed, with nothing in it.</summary>
    public async Task<RedisServer> StartAgainAsync() =>
        await StartAsync(new Uri(url).Port) ?? throw new IOException($"another process took the port of {url}");

    static async Task<RedisServer?> StartAsync(int port, params string[] options)
    {
        var dir = Directory.CreateTempSubdirectory("redis-").FullName;
        var log = Path.Combine(dir, "redis.log");
        var binary = Environment.GetEnvironmentVariable("REDIS_SERVER") ?? "redis-server";
        string[] command = [binary, "--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", dir, "--logfile", log, .. options];
        var start = new ProcessStartInfo("sh", ["-c", Keeper, "sh", dir, .. command]) { RedirectStandardInput = true };
        var server = new RedisServer(Process.Start(start)!, $"redis://127.0.0.1:{port}");
        var said = "";
        for (var waited = Stopwatch.StartNew(); waited.Elapsed.TotalSeconds < 10; await Task.Delay(20))
        {
            said = File.Exists(log) ? await File.ReadAllTextAsync(log) : "";
            if (said.Contains("Ready to accept connections")) return server;
            if (said.Contains("Failed listening")) break; // another process took the port
        }
        server.Kill();
        return said.Contains("Failed listening") ? null : throw new TimeoutException($"{binary}: {said}");
    }

    /// <summary>Kill it as a crash would: SIGKILL, no farewell. Returns when it is gone.</summary>
    public void Kill() { keeper.StandardInput.Close(); keeper.WaitForExit(); }

    /// <summary>Stop it in its tracks by SIGSTOP: connections stay open, nothing answers.</summary>
    public async Task FreezeAsync()
    {
        await using var admin = await AdminAsync(url);
        var info = await admin.GetServers().Single().InfoAsync("server");
        var pid = info.Single().Single(field => field.Key == "process_id").Value;
        await Process.Start("sh", ["-c", $"kill -STOP {pid}"]).WaitForExitAsync();
    }

    public async ValueTask DisposeAsync() => await Task.Run(Kill);

    /// <summary>A connection that may reconfigure or empty the Redis at a URL.</summary>
    public static async Task<ConnectionMultiplexer> AdminAsync(string url) =>
        await ConnectionMultiplexer.ConnectAsync($"{new Uri(url).Authority},allowAdmin=true");

    /// <summary>The URL of the Redis that all tests share, with nothing in it.</summary>
    public static Task<string> FlushedSessionAsync() => FlushedAsync(
        Environment.GetEnvironmentVariable("REDIS_URL") ?? throw new InvalidOperationException("Set REDIS_URL"));

    /// <summary>The URL, once there is nothing in the Redis there.</summary>
    public static async Task<string> FlushedAsync(string url)
    {
        await using var admin = await AdminAsync(url);
        await Task.WhenAll(admin.GetServers().Where(node => !node.IsReplica).Select(FlushAsync));
        return url;
    }

    /// <summary>The keys that a Redis holds, or that all primaries of a cluster do, in order.</summary>
    public static string[] Keys(ConnectionMultiplexer redis) =>
        [.. redis.GetServers().Where(node => !node.IsReplica).SelectMany(node => node.Keys()).Select(key => $"{key}").Distinct().Order()];

    /// <summary>An admin's connection to the cluster of all tests, with nothing in its shards.</summary>
    public static async Task<ConnectionMultiplexer> FlushedClusterAsync(string? url)
    {
        var admin = await AdminAsync(url ?? throw new InvalidOperationException("Set REDIS_CLUSTER_URL"));
        await Task.WhenAll(admin.GetServers().Select(FlushAsync));
        return admin;
    }

    static readonly ConcurrentDictionary<EndPoint, Task> SeenEmpty = [];

    // Flushes database 0. At the first time all databases must be empty: it may be a Redis that we did not start.
    static async Task FlushAsync(IServer server)
    {
        await SeenEmpty.GetOrAdd(server.EndPoint, async _ =>
        {
            foreach (var held in (await server.InfoAsync("keyspace")).SelectMany(section => section))
                throw new InvalidOperationException(
                    $"{server.EndPoint} holds keys ({held.Key}:{held.Value}); the tests flush it, so they refuse.");
        });
        await server.FlushDatabaseAsync(0);
    }
}
