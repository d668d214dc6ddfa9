#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// A circuit breaker: after some failures in a row it answers from a fallback, and lets one probe find Redis again.

using StackExchange.Redis;

static class Breaker
{
    /// <summary>Make a connection that fails fast: `wait` ms for an answer, at once where there is no connection.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(string url, int wait = 200) // differs: the caller's wait
    {
        var uri = new Uri(url); // which StackExchange.Redis does not read by itself
        var login = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString);
        return await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { uri.Host, uri.Port < 0 ? 6379 : uri.Port } },
            Ssl = uri.Scheme == "rediss",
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            AsyncTimeout = wait,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
        });
    }

    // --8<-- [start:states]
    /// <summary>Closed, open, or half-open: open, and a probe is on its way.</summary>
    public sealed class CircuitBreaker(int limit, TimeSpan wait, TimeProvider? time)
    {
        readonly TimeProvider clock = time ?? TimeProvider.System; // monotonic
        readonly Lock state = new();
        int failures; // in a row
        long? opened;
        object? probe; // the call that is the probe

        bool Admit(object call)
        {
            lock (state)
            {
                if (opened is not { } since) return true;
                if (probe != null || clock.GetElapsedTime(since) < wait) return false;
                probe = call;
                return true;
            }
        }
        // --8<-- [end:states]

        // --8<-- [start:results]
        void Answered(object call)
        {
            lock (state)
            {
                if (opened is null) failures = 0;
                else if (probe == call) (failures, opened, probe) = (0, null, null);
            } // and a late answer to an older call changes nothing
        }

        void Failed(object call)
        {
            lock (state)
            {
                failures++;
                var trips = opened is null && failures >= limit;
                if (trips || probe == call) opened = clock.GetTimestamp();
            }
        }

        void Done(object call)
        {
            lock (state)
                if (probe == call) probe = null; // whatever became of it
        }
        // --8<-- [end:results]

        // --8<-- [start:call]
        /// <summary>Run a command. While Redis is away, answer otherwise.</summary>
        public async Task<T> CallAsync<T>(Func<Task<T>> command, Func<Task<T>> fallback)
        {
            var call = new object();
            if (!Admit(call)) return await fallback(); // at once: nothing is sent
            try
            {
                var result = await command();
                Answered(call);
                return result;
            }
            catch (Exception e) when (IsOutage(e)) { Failed(call); }
            catch (RedisServerException) { Answered(call); throw; } // it is there
            finally { Done(call); }
            return await fallback();
        }
        // --8<-- [end:call]

        static bool IsOutage(Exception e) => // differs: a server that does not serve yet is away, too
            e is TimeoutException // that of Redis, or of WaitAsync
            or RedisServerException { Kind: RedisErrorKind.ClusterDown or RedisErrorKind.Loading }
            or RedisConnectionException && !BadLogin(e) && !e.Message.Contains("hashslot"); // that is a MOVED
        static bool BadLogin(Exception? e) => e is RedisConnectionException known
            && known.FailureType is ConnectionFailureType.AuthenticationFailure
            || e is not null && BadLogin(e.InnerException);
    }

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url, wait: 500);
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{new Uri(url).Authority},allowAdmin=true");
        var cache = redis.GetDatabase();
        await cache.StringSetAsync("demo:name", "Ada from Redis", TimeSpan.FromMinutes(1));
        var (breaker, sent) = (new CircuitBreaker(3, TimeSpan.FromSeconds(2.5), null), 0);
        Task<string> ReadAsync() => breaker.CallAsync(
            async () => { sent++; return (string)(await cache.StringGetAsync("demo:name"))!; },
            () => Task.FromResult("Ada from the database"));

        Console.WriteLine($"Redis is well: {await ReadAsync()}");
        await admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", 3000, "ALL"); // ms in which no client gets an answer
        sent = 0;
        for (var i = 0; i < 1000; i++) await ReadAsync();
        Console.WriteLine($"Redis does not answer, 1000 reads: {sent} sent to Redis");
        Console.WriteLine($"one of them: {await ReadAsync()}");
        await Task.Delay(3000);
        Console.WriteLine($"after the wait: {await ReadAsync()}");
    }
}
