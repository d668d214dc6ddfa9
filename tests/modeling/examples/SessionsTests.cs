using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;
using static Sessions;

/// <summary>What the page of examples claims of sessions, in C#.</summary>
public sealed class SessionsTests : IAsyncLifetime
{
    const string Index = "user:1:sessions";
    readonly Clock clock = new();
    string url = "";
    ConnectionMultiplexer redis = null!;
    IDatabase db = null!;
    SessionStore sessions = null!;

    sealed class Clock : TimeProvider
    {
        public TimeSpan Passed;
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(1_800_000_000) + Passed;
    }

    public async Task InitializeAsync()
    {
        url = await RedisServer.FlushedSessionAsync();
        redis = await ConnectAsync(url);
        db = redis.GetDatabase();
        sessions = new SessionStore(db, clock);
    }

    public async Task DisposeAsync() => await redis.DisposeAsync();

    [Fact(DisplayName = "crash_never_leaves_session_without_ttl")]
    public async Task CrashNeverLeavesSessionWithoutTtl()
    {
        var found = new SortedSet<int>();
        await Crash.AtEveryByteAsync(url, ConnectAsync, own => new SessionStore(own).CreateAsync("1"), async server =>
        {
            var keys = server.Keys().ToArray();
            foreach (var key in keys)
                Assert.InRange(await db.KeyTimeToLiveAsync(key) ?? TimeSpan.MaxValue, TimeSpan.FromMilliseconds(1), Ttl);
            found.Add(keys.Length);
        });
        Assert.Equal([0, 2], found); // nothing, or session and index
    }

    [Fact(DisplayName = "expired_sessions_leave_user_index")]
    public async Task ExpiredSessionsLeaveUserIndex()
    {
        var old = SessionKey(await sessions.CreateAsync("1"));
        clock.Passed = TimeSpan.FromSeconds(1000);
        var young = SessionKey(await sessions.CreateAsync("1"));
        Assert.Equal([old, young], await sessions.ActiveAsync("1"));

        clock.Passed = Ttl; // to the second
        Assert.Equal([young], await sessions.ActiveAsync("1")); // seen at once
        var youngest = SessionKey(await sessions.CreateAsync("1"));
        Assert.Equal([young, youngest], await db.SortedSetRangeByRankAsync(Index)); // and removed
        clock.Passed = 2 * Ttl + TimeSpan.FromSeconds(1000);
        Assert.Empty(await sessions.ActiveAsync("1"));
    }

    [Fact(DisplayName = "index_lives_as_long_as_its_youngest_session")]
    public async Task IndexLivesAsLongAsItsYoungestSession()
    {
        await sessions.CreateAsync("1");
        await db.KeyExpireAsync(Index, TimeSpan.FromSeconds(5));
        var token = await sessions.CreateAsync("1");
        var session = await db.KeyExpireTimeAsync(SessionKey(token));
        Assert.True(await db.KeyExpireTimeAsync(Index) >= session);
        Assert.InRange(session!.Value, DateTime.UtcNow, DateTime.UtcNow + Ttl);
    }

    [Fact(DisplayName = "token_is_in_no_key_and_no_value")]
    public async Task TokenIsInNoKeyAndNoValue()
    {
        var token = await sessions.CreateAsync("1");
        Assert.Equal("1", await sessions.UserOfAsync(token));
        string[] held = [.. RedisServer.Keys(redis),
            .. (await db.SortedSetRangeByRankAsync(Index)).Select(member => $"{member}"),
            .. (await db.HashGetAllAsync(SessionKey(token))).SelectMany(field => new[] { $"{field.Name}", $"{field.Value}" })];
        Assert.Equal(2 + 1 + 4, held.Length);
        Assert.DoesNotContain(held, text => text.Contains(token));
        foreach (var guess in new[] { "", "*", "1", SessionKey(token), "ключ", new string('x', 10_000) })
            Assert.Null(await sessions.UserOfAsync(guess));
    }

    [Fact(DisplayName = "ended_session_is_gone_from_both")]
    public async Task EndedSessionIsGoneFromBoth()
    {
        var (one, other) = (await sessions.CreateAsync("1"), await sessions.CreateAsync("1"));
        await sessions.EndAsync(one);
        await sessions.EndAsync(one); // twice does no harm
        Assert.Null(await sessions.UserOfAsync(one));
        Assert.Equal("1", await sessions.UserOfAsync(other));
        Assert.Equal([SessionKey(other)], await sessions.ActiveAsync("1"));
    }

    [Fact(DisplayName = "signing_out_everywhere_takes_a_session_that_begins_meanwhile")]
    public async Task SigningOutEverywhereTakesASessionThatBeginsMeanwhile()
    {
        string[] tokens = [await sessions.CreateAsync("1"), await sessions.CreateAsync("1"), await sessions.CreateAsync("2")];
        var late = "";
        await new SessionStore(Overtaken.AfterReadingTheIndex(db, async () =>
        {
            late = await sessions.CreateAsync("1");
            await sessions.EndAsync(tokens[0]); // so that there are as many as before
        })).EndAllAsync("1");
        Assert.NotEmpty(late);
        var users = await Task.WhenAll(tokens.Append(late).Select(sessions.UserOfAsync));
        Assert.Equal(["nobody", "nobody", "2", "nobody"], users.Select(user => user ?? "nobody"));
        Assert.False(await db.KeyExistsAsync(Index));
    }

    [Fact(DisplayName = "without_redis_nobody_is_signed_in_by_mistake")]
    public async Task WithoutRedisNobodyIsSignedInByMistake()
    {
        await using var server = await RedisServer.StartAsync();
        await using var own = await ConnectAsync(server.Url);
        var alone = new SessionStore(own.GetDatabase());
        var token = await alone.CreateAsync("1");
        server.Kill();
        await Assert.ThrowsAsync<RedisConnectionException>(() => alone.UserOfAsync(token));
        await Assert.ThrowsAsync<RedisConnectionException>(() => alone.CreateAsync("1"));
    }

    [Fact(DisplayName = "a_sign_in_that_fails_inside_its_transaction_throws")]
    public async Task ASignInThatFailsInsideItsTransactionThrows()
    {
        await db.StringSetAsync(Index, "a string");
        var error = await Assert.ThrowsAsync<RedisServerException>(() => sessions.CreateAsync("1"));
        Assert.StartsWith("WRONGTYPE", error.Message);
        var change = db.CreateTransaction();
        var add = change.SortedSetAddAsync(Index, "session", 1);
        Assert.True(await change.ExecuteAsync()); // which alone tells nothing
        await Assert.ThrowsAsync<RedisServerException>(() => add);
    }

    [Fact(DisplayName = "one_session_store_serves_sign_ins_in_parallel")]
    public async Task OneSessionStoreServesSignInsInParallel()
    {
        await using var services = new ServiceCollection()
            .AddSingleton<IConnectionMultiplexer>(_ => redis)
            .AddSingleton(found => new SessionStore(found.GetRequiredService<IConnectionMultiplexer>().GetDatabase()))
            .BuildServiceProvider();
        var users = Enumerable.Range(0, 200).Select(request => $"{request % 20}").ToArray();
        var tokens = await Task.WhenAll(users.Select(user =>
            Task.Run(() => services.GetRequiredService<SessionStore>().CreateAsync(user))));
        var shared = services.GetRequiredService<SessionStore>();
        Assert.Equal(users, (await Task.WhenAll(tokens.Select(shared.UserOfAsync))).Select(user => $"{user}"));
        Assert.Equal(10, (await shared.ActiveAsync("7")).Length);
        Assert.Equal(1, redis.GetCounters().Interactive.SocketCount);
    }

    /// <summary>A database in which something happens just after an index was first read.</summary>
    public class Overtaken : DispatchProxy
    {
        IDatabase real = null!;
        Func<Task>? happens;

        public static IDatabase AfterReadingTheIndex(IDatabase real, Func<Task> happens)
        {
            var proxy = Create<IDatabase, Overtaken>();
            ((Overtaken)(object)proxy).real = real;
            ((Overtaken)(object)proxy).happens = happens;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            var result = method!.Invoke(real, arguments);
            if (happens is { } first && result is Task read && method.Name == nameof(IDatabase.SortedSetRangeByRankAsync))
            {
                happens = null;
                Task.Run(async () => { await read; await first(); }).Wait();
            }
            return result;
        }
    }
}
