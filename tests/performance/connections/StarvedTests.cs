using System.Diagnostics;
using System.Runtime.CompilerServices;
using Xunit;

/// <summary>What the connections page shows of callers that block.</summary>
[Collection(nameof(StarvedTests))] // not on the Redis that others share
public sealed class StarvedTests
{
    static string Program([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../snippets/performance/connections/starved.cs"));

    // As a process of its own, because all threads of this one would be its threads too
    [Fact(DisplayName = "callers_that_block_get_no_answer_from_a_redis_that_is_well")]
    public async Task CallersThatBlockGetNoAnswerFromARedisThatIsWell()
    {
        await using var server = await RedisServer.StartAsync();
        var start = new ProcessStartInfo("dotnet", ["run", Program()])
        { RedirectStandardOutput = true, Environment = { ["REDIS_URL"] = server.Url } };
        using var program = Process.Start(start)!;
        var said = (await program.StandardOutput.ReadToEndAsync()).Trim().Split('\n');
        Assert.Equal([
            "60 callers await: 0 get no answer",
            "60 callers block: most get no answer, after seconds",
            "60 callers block, 100 threads are there: 0 get no answer",
        ], said);
    }
}
