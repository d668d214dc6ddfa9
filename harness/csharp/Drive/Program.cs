using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

/// <summary>What a program can be told to do, by name. `counts` answers its counters.</summary>
sealed class Operations : Dictionary<string, Func<JsonArray, Task<object?>>>;

/// <summary>Drives a program in C#, as harness/faults/driver.py does one in Python.</summary>
static class Drive
{
    static async Task Main(string[] arguments)
    {
        var (adapter, url, database) = (arguments[0], arguments[1], arguments[2]);
        var open = Assembly.GetExecutingAssembly().GetType(adapter + "Faults")!.GetMethod("OpenAsync")!;
        var operations = await (Task<Operations>)open.Invoke(null, [url, database])!;
        Say(new { ready = operations.Keys.Order() });
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var asked = JsonNode.Parse(line)!;
            var calls = Enumerable.Range(0, (int)asked["callers"]!)
                .Select(_ => OutcomeAsync(operations[(string)asked["do"]!], asked["with"]!.AsArray()));
            var found = await Task.WhenAll(calls);
            Say(new { found, counts = await operations["counts"]([]) });
        }
    }

    static async Task<object> OutcomeAsync(Func<JsonArray, Task<object?>> operation, JsonArray given)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            var gets = await operation(given);
            return new { gets, seconds = watch.Elapsed.TotalSeconds };
        }
        catch (Exception e)
        {
            return new { raises = $"{e.GetType().Name}: {e.Message}", seconds = watch.Elapsed.TotalSeconds };
        }
    }

    static void Say(object what) => Console.WriteLine(JsonSerializer.Serialize(what));
}
