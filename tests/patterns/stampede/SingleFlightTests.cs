using System.Reflection;
using StackExchange.Redis;
using Xunit;
using static SingleFlight;

/// <summary>What the page claims of single flight in one process, in C#.</summary>
public sealed class SingleFlightTests : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    ConnectionMultiplexer redis = null!;
    readonly TaskCompletionSource go = new();
    int loads;

    public async Task InitializeAsync() => redis = await ConnectAsync(await RedisServer.FlushedSessionAsync());

    public async Task DisposeAsync() => await redis.DisposeAsync();

    Bestsellers Books(Func<string, Task<string[]>> load) => new(redis.GetDatabase(), load);

    [Fact(DisplayName = "fifty_callers_in_one_process_load_once")]
    public async Task FiftyCallersInOneProcessLoadOnce()
    {
        var books = Books(async _ =>
        {
            Interlocked.Increment(ref loads);
            await go.Task.WaitAsync(Long);
            return ["Dune"];
        });
        var callers = Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")).ToArray(); // all have asked now
        go.SetResult();
        Assert.All(await Task.WhenAll(callers), titles => Assert.Equal(["Dune"], titles));
        Assert.Equal(1, loads);
        Assert.Equal(["Dune"], await books.GetAsync("scifi"));
        Assert.Equal(1, loads);
    }

    [Fact(DisplayName = "failed_load_reaches_all_who_wait_and_is_forgotten")]
    public async Task FailedLoadReachesAllWhoWaitAndIsForgotten()
    {
        var books = Books(async _ =>
        {
            if (Interlocked.Increment(ref loads) > 1) return ["Dune"];
            await go.Task.WaitAsync(Long);
            throw new TimeoutException("the database is down");
        });
        var callers = Enumerable.Range(0, 10).Select(_ => books.GetAsync("scifi")).ToArray();
        go.SetResult();
        foreach (var caller in callers) await Assert.ThrowsAsync<TimeoutException>(() => caller);
        Assert.Equal(1, loads);
        Assert.Equal(["Dune"], await books.GetAsync("scifi"));
    }

    [Fact(DisplayName = "fifty_callers_in_one_process_send_one_get")]
    public async Task FiftyCallersInOneProcessSendOneGet()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        await using var admin = await RedisServer.AdminAsync(server.Url);
        var cache = own.GetDatabase();
        await admin.GetServers().Single().ConfigResetStatisticsAsync(); // the clients have sent a GET to connect
        var books = new Bestsellers(cache, async _ =>
        {
            await go.Task.WaitAsync(Long);
            return ["Dune"];
        });
        var callers = Enumerable.Range(0, 50).Select(_ => books.GetAsync("scifi")).ToArray(); // all have asked now
        go.SetResult();
        await Task.WhenAll(callers);
        var stats = $"{await admin.GetServers().Single().InfoRawAsync("commandstats")}";
        Assert.Contains("cmdstat_get:calls=1,", stats);
        Assert.Matches("cmdstat_p?set(ex)?:calls=1,", stats);
    }

    [Fact(DisplayName = "two_processes_with_single_flight_load_twice")]
    public async Task TwoProcessesWithSingleFlightLoadTwice()
    {
        async Task<string[]> LoadAsync(string category)
        {
            if (Interlocked.Increment(ref loads) == 2) go.SetResult();
            await go.Task.WaitAsync(Long); // until both load
            return ["Dune"];
        }
        await Task.WhenAll(Books(LoadAsync).GetAsync("scifi"), Books(LoadAsync).GetAsync("scifi"));
        Assert.Equal(2, loads);
    }

    [Fact(DisplayName = "callers_of_different_keys_do_not_wait_for_each_other")]
    public async Task CallersOfDifferentKeysDoNotWaitForEachOther()
    {
        var books = Books(async category =>
        {
            if (Interlocked.Increment(ref loads) == 2) go.SetResult();
            await go.Task.WaitAsync(Long); // until both load
            return [category];
        });
        string[] hostile = ["*", "ключ\n" + new string('x', 10_000)];
        var answers = await Task.WhenAll(hostile.Select(books.GetAsync));
        Assert.Equal(hostile, answers.Select(titles => titles.Single()));
    }

    [Fact(DisplayName = "single_flight_works_without_redis")]
    public async Task SingleFlightWorksWithoutRedis()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        var books = new Bestsellers(own.GetDatabase(), _ => Task.FromResult<string[]>(["Dune"]));
        server.Kill();
        Assert.Equal(["Dune"], await books.GetAsync("scifi"));
        Assert.Equal(2, books.CacheErrors);
    }

    [Fact(DisplayName = "read_after_a_commit_joins_no_flight_from_before_it")]
    public async Task ReadAfterACommitJoinsNoFlightFromBeforeIt()
    {
        var (row, began) = ("old", new TaskCompletionSource());
        var books = Books(async _ =>
        {
            string[] found = [row];
            if (began.TrySetResult()) await go.Task.WaitAsync(Long);
            return found;
        });
        var reader = books.GetAsync("scifi");
        await began.Task.WaitAsync(Long);
        row = "new"; // the writer commits,
        await books.ChangedAsync("scifi"); // says so,
        Assert.Equal(["new"], await books.GetAsync("scifi")); // and reads
        go.SetResult();
        Assert.Equal(["old"], await reader);
        Assert.Equal(["new"], await books.GetAsync("scifi")); // what the old flight had loaded was not stored
    }

    [Fact(DisplayName = "load_that_ends_during_the_delete_is_not_stored")]
    public async Task LoadThatEndsDuringTheDeleteIsNotStored()
    {
        var (began, cache) = (new TaskCompletionSource(), redis.GetDatabase());
        Task<string[]> reader = null!;
        var books = new Bestsellers(After.DeleteOf(cache, async () =>
        {
            go.SetResult();
            Assert.Equal(["old"], await reader);
        }), async _ =>
        {
            began.SetResult();
            await go.Task.WaitAsync(Long);
            return ["old"];
        });
        reader = books.GetAsync("scifi");
        await began.Task.WaitAsync(Long);
        await books.ChangedAsync("scifi");
        Assert.False(await cache.KeyExistsAsync(CacheKey("scifi")));
    }

    /// <summary>A database in which something happens after a delete, before its caller knows of it.</summary>
    public class After : DispatchProxy
    {
        IDatabase real = null!;
        Func<Task> happens = null!;

        public static IDatabase DeleteOf(IDatabase real, Func<Task> happens)
        {
            var proxy = Create<IDatabase, After>();
            ((After)(object)proxy).real = real;
            ((After)(object)proxy).happens = happens;
            return proxy;
        }

        async Task<bool> ThenAsync(Task<bool> deleted)
        {
            var found = await deleted;
            await happens();
            return found;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            var reply = method!.Invoke(real, arguments);
            return method.Name == "KeyDeleteAsync" ? ThenAsync((Task<bool>)reply!) : reply;
        }
    }

    [Fact(DisplayName = "each_caller_of_a_flight_gets_a_list_of_its_own")]
    public async Task EachCallerOfAFlightGetsAListOfItsOwn()
    {
        var books = Books(async _ =>
        {
            await go.Task.WaitAsync(Long);
            return ["Dune"];
        });
        var callers = Enumerable.Range(0, 10).Select(_ => books.GetAsync("scifi")).ToArray();
        go.SetResult();
        (await callers[0])[0] = "changed";
        foreach (var caller in callers[1..]) Assert.Equal(["Dune"], await caller);
    }

    [Fact(DisplayName = "corrupt_value_in_a_flight_is_a_counted_miss")]
    public async Task CorruptValueInAFlightIsACountedMiss()
    {
        var cache = redis.GetDatabase();
        var books = Books(_ => Task.FromResult<string[]>(["Dune"]));
        RedisValue[] corrupts = [
            new byte[] { 0xff, 0xfe }, "", "not json", "NaN", "[1]", "{\"value\": []}", new string('[', 100_000)];
        foreach (var (count, corrupt) in corrupts.Index())
        {
            await cache.StringSetAsync(CacheKey("scifi"), corrupt);
            Assert.Equal(["Dune"], await books.GetAsync("scifi"));
            Assert.Equal("[\"Dune\"]", await cache.StringGetAsync(CacheKey("scifi")));
            Assert.Equal(count + 1, books.CorruptValues);
        }
    }
}
