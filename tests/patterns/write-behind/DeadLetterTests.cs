using StackExchange.Redis;
using Xunit;
using static DeadLetter;

/// <summary>What the write-behind page claims of the dead letter, in C#.</summary>
public sealed class DeadLetterTests : IAsyncLifetime
{
    const string Stream = "stream:carts", Dead = "stream:carts:dead", Group = "writers";
    ConnectionMultiplexer redis = null!;
    IDatabase cache = null!;

    public async Task InitializeAsync()
    {
        var url = await RedisServer.FlushedSessionAsync();
        redis = await ConnectAsync(url);
        cache = redis.GetDatabase();
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    /// <summary>Put a poison entry into the stream, delivered so many times, and held by nobody for over a minute.</summary>
    async Task<RedisValue> DeliverAsync(int times, int idle = 60_001)
    {
        await cache.StreamCreateConsumerGroupAsync(Stream, Group, "0");
        var poison = await cache.StreamAddAsync(Stream, [new("id", "1"), new("data", "no JSON")]);
        await cache.StreamReadGroupAsync(Stream, Group, "worker", ">");
        object[] claim = [Stream, Group, "worker", 0, poison, "IDLE", idle, "RETRYCOUNT", times, "JUSTID"];
        await cache.ExecuteAsync("XCLAIM", claim);
        return poison;
    }

    [Fact(DisplayName = "poison_entry_goes_to_the_dead_letter")]
    public async Task PoisonEntryGoesToTheDeadLetter()
    {
        var poison = await DeliverAsync(MaxDeliveries);
        Assert.Equal(1, await BuryAsync(cache));
        var dead = Assert.Single(await cache.StreamRangeAsync(Dead));
        Assert.Equal([new("entry", poison), new("id", "1"), new("data", "no JSON")], dead.Values);
        Assert.Equal(0, await cache.StreamLengthAsync(Stream));
        Assert.Equal(0, (await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount);
        Assert.Equal(1, await BuryAsync(cache)); // a client that lost the reply and asks again hears of it
        await cache.KeyDeleteAsync(Dead); // somebody has looked
        Assert.Equal(0, await BuryAsync(cache));
    }

    [Fact(DisplayName = "what_was_trimmed_away_is_not_pending_for_ever")]
    public async Task WhatWasTrimmedAwayIsNotPendingForEver()
    {
        await DeliverAsync(MaxDeliveries);
        await cache.StreamTrimAsync(Stream, 0);
        Assert.Equal(0, await BuryAsync(cache));
        Assert.Equal(0, (await cache.StreamPendingAsync(Stream, Group)).PendingMessageCount);
    }

    [Fact(DisplayName = "an_entry_with_deliveries_left_is_not_buried")]
    public async Task AnEntryWithDeliveriesLeftIsNotBuried()
    {
        await DeliverAsync(MaxDeliveries - 1);
        Assert.Equal(0, await BuryAsync(cache));
        Assert.Equal(1, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "an_entry_that_a_worker_holds_is_not_buried")]
    public async Task AnEntryThatAWorkerHoldsIsNotBuried()
    {
        await DeliverAsync(MaxDeliveries + 3, 0);
        Assert.Equal(0, await BuryAsync(cache)); // a minute has not passed
        Assert.Equal(1, await cache.StreamLengthAsync(Stream));
    }

    [Fact(DisplayName = "without_a_group_there_is_nothing_to_bury")]
    public async Task WithoutAGroupThereIsNothingToBury()
    {
        Assert.Equal(0, await BuryAsync(cache)); // as after a flush
        await cache.StreamAddAsync(Stream, "id", "1");
        Assert.Equal(0, await BuryAsync(cache));
        await cache.StringSetAsync(Stream, "no stream");
        await Assert.ThrowsAsync<RedisServerException>(() => BuryAsync(cache));
    }
}
