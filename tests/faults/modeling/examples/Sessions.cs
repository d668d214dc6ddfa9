using System.Collections.Concurrent;
using StackExchange.Redis;

/// <summary>What sessions can be told to do. Each user signs in once; the token is kept here, as a browser would.</summary>
static class SessionsFaults
{
    public static async Task<Operations> OpenAsync(string url, string _)
    {
        var redis = await Sessions.ConnectAsync(url);
        var sessions = new Sessions.SessionStore(redis.GetDatabase());
        var tokens = new ConcurrentDictionary<string, string>();

        async Task<object?> SignInAsync(string user)
        {
            tokens[user] = await sessions.CreateAsync(user);
            return "a token";
        }

        return new Operations
        {
            ["sign in"] = given => SignInAsync((string)given[0]!),
            ["who"] = async given => await sessions.UserOfAsync(tokens[(string)given[0]!]),
            ["active"] = async given => $"{(await sessions.ActiveAsync((string)given[0]!)).Length}",
            ["sign out"] = async given =>
            {
                await sessions.EndAsync(tokens[(string)given[0]!]);
                return null;
            },
            ["sign out everywhere"] = async given =>
            {
                await sessions.EndAllAsync((string)given[0]!);
                return null;
            },
            ["sign in and ask"] = async given =>
            {
                for (var tries = 1; ; tries++) // as a person would, until the client is connected again
                {
                    try { await SignInAsync((string)given[0]!); break; }
                    catch (RedisConnectionException) when (tries < 50) { await Task.Delay(100); }
                }
                return await sessions.UserOfAsync(tokens[(string)given[0]!]);
            },
            ["counts"] = async _ => new Dictionary<string, int>(),
        };
    }
}
