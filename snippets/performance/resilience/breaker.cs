#:package StackExchange.Redis@3.4.35
#:property PublishAot=false
// A circuit breaker: when too many of the last calls fail, a fallback answers, and one probe finds Redis again.

using StackExchange.Redis;
using StackExchange.Redis.Availability;
using static StackExchange.Redis.RedisErrorKind;

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
            DefaultDatabase = int.TryParse(uri.LocalPath.Trim('/'), out var n) ? n : 0,
            User = login.First(),
            Password = login.ElementAtOrDefault(1),
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            AsyncTimeout = wait,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            BacklogPolicy = BacklogPolicy.FailFast,
            MaintenanceNotifications = MaintenanceNotificationMode.Disabled,
        });
    }

    enum Kind { Away, Refused, Mistake }

    /// <summary>What an error of Redis or its client means to us.</summary>
    static Kind KindOf(Exception e) => new FaultContext(e).ErrorKind switch
    {
        OutOfMemory or Misconfigured or NoReplicas => Kind.Refused, // it serves reads
        ConnectionFault when BadLogin(e) || e.Message.Contains("hashslot") // a MOVED
            => Kind.Mistake, // waiting mends no password, and finds no other shard
        ConnectionFault or RedisErrorKind.Timeout or Loading or MaxClients
            or ReadOnly or ClusterDown or MasterDown or TryAgain or Busy => Kind.Away,
        _ => Kind.Mistake, // WRONGTYPE, NOPERM, a bug of ours
    };

    static bool BadLogin(Exception? e) => e is RedisConnectionException known
        && known.FailureType is ConnectionFailureType.AuthenticationFailure
        || e is not null && BadLogin(e.InnerException);

    // --8<-- [start:states]
    /// <summary>Closed, open, or half-open: open, and a probe is on its way.</summary>
    public sealed class CircuitBreaker(
        int limit, TimeSpan wait, int window = 10, TimeProvider? time = null)
    {
        readonly TimeProvider clock = time ?? TimeProvider.System; // monotonic
        readonly Lock state = new();
        readonly Queue<bool> failures = new(); // which of the last calls
        long? opened;
        object? probe; // the call that is the probe

        void Note(bool failed)
        {
            failures.Enqueue(failed);
            if (failures.Count > window) failures.Dequeue();
        }

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
                if (opened is null) Note(failed: false);
                else if (probe == call)
                {
                    (opened, probe) = (null, null);
                    failures.Clear();
                } // and a late answer to an older call changes nothing
            }
        }

        void Unanswered(object call)
        {
            lock (state)
            {
                Note(failed: true);
                var trips = opened is null && failures.Count(one => one) >= limit;
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
            catch (Exception e) when (e is TimeoutException || KindOf(e) is Kind.Away)
            {
                Unanswered(call); // Redis's own timeout is one, that of WaitAsync too
            }
            catch (RedisServerException) { Answered(call); throw; } // it is there
            finally { Done(call); }
            return await fallback();
        }
        // --8<-- [end:call]
    }

    static async Task Main()
    {
        var url = Environment.GetEnvironmentVariable("REDIS_URL") ?? "redis://127.0.0.1:6379";
        await using var redis = await ConnectAsync(url, wait: 500);
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{redis.Configuration},allowAdmin=true");
        var cache = redis.GetDatabase();
        await cache.StringSetAsync("demo:name", "Ada from Redis", TimeSpan.FromMinutes(1));
        var (breaker, sent) = (new CircuitBreaker(3, TimeSpan.FromSeconds(2.5)), 0);
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
