using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // the tests share one Redis

/// <summary>A private redis-server without persistence, on 127.0.0.1 only, for a test to kill.</summary>
sealed class RedisServer : IAsyncDisposable
{
    // Kills the server when our end of its input closes, so also when the test process is gone.
    const string Keeper = """dir=$1; shift; "$@" & read -r _; kill -9 $!; wait; rm -rf "$dir" """;

    readonly Process keeper;
    readonly Uri uri;

    public string Url => uri.OriginalString;

    RedisServer(Process keeper, Uri uri) => (this.keeper, this.uri) = (keeper, uri);

    public static async Task<RedisServer> StartAsync()
    {
        var dir = Directory.CreateTempSubdirectory("redis-").FullName;
        var uri = new Uri($"redis://127.0.0.1:{FreePort()}");
        string[] server = [Environment.GetEnvironmentVariable("REDIS_SERVER") ?? "redis-server",
            "--port", $"{uri.Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir,
            "--logfile", $"{dir}/redis.log"];
        var start = new ProcessStartInfo("sh", ["-c", Keeper, "sh", dir, .. server]) { RedirectStandardInput = true };
        var started = new RedisServer(Process.Start(start)!, uri);
    }
}
