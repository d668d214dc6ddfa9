using StackExchange.Redis;
using Xunit;
using static Schedules;

/// <summary>That the race is what the page says, in C#.</summary>
public sealed class SchedulesTests
{
    static async Task<List<string>> StaleAsync(Func<IDatabase, Plain> policy)
    {
        await using var redis = await CacheAside.ConnectAsync(await RedisServer.FlushedSessionAsync());
        var stale = new List<string>();
        foreach (var schedule in All())
            if (await RunAsync(policy(redis.GetDatabase()), schedule) == "STALE")
                stale.Add(schedule);
        return stale;
    }

    [Fact(DisplayName = "there_are_ten_schedules")]
    public void ThereAreTenSchedules()
    {
        Assert.Equal(10, All().Distinct().Count());
        Assert.All(All(), schedule => Assert.Equal("RRRWW", string.Concat(schedule.Order())));
    }

    [Fact(DisplayName = "one_of_ten_schedules_ends_stale")]
    public async Task OneOfTenSchedulesEndsStale() => Assert.Equal(["RRWWR"], await StaleAsync(cache => new Plain(cache)));

    [Fact(DisplayName = "every_schedule_ends_fresh")]
    public async Task EveryScheduleEndsFresh() => Assert.Empty(await StaleAsync(cache => new Schedules.Versioned(cache)));
}
