using System.Net;
using Microsoft.Data.Sqlite;
using StackExchange.Redis;
using Xunit;
using static AzureConnection;

/// <summary>What the connections page claims of its connection to Azure Managed Redis, on a server like it.</summary>
[Collection(nameof(AzureTests))] // not on the Redis that others share
public sealed class AzureTests
{
    static string Given(string name) =>
        Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"Set {name}");

    static readonly string Url = Given("REDIS_TLS_URL");
    static readonly string Key = Given("REDIS_TLS_KEY");
    static readonly string Ca = Given("REDIS_TLS_CA");

    /// <summary>A command fails, and this is why. StackExchange.Redis tells the reason of a connection's first failure
    /// only; on a busy machine that may be a time-out, so ask it again then.</summary>
    static async Task RefusesAsync(string reason, string url, string key, string? ca)
    {
        var said = "";
        for (var tries = 0; !said.Contains(reason) && tries < 20; tries++)
        {
            await using var redis = await ConnectAsync(url, key, ca);
            var failure = await Assert.ThrowsAnyAsync<RedisException>(() => redis.GetDatabase().PingAsync());
            said = failure.GetBaseException().Message;
        }
        Assert.Contains(reason, said);
    }

    [Fact(DisplayName = "azure_client_fits_cache_aside")]
    public async Task AzureClientFitsCacheAside()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectAsync(server.Url);
        await using var db = new SqliteConnection("Data Source=:memory:");
        await db.OpenAsync();
        await new SqliteCommand("""
            CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT);
            INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')
            """, db).ExecuteNonQueryAsync();
        var users = new CacheAside.Users(redis.GetDatabase(), db);
        await redis.GetDatabase().PingAsync();
        server.Kill();
        Assert.Equal("Ada", (await users.GetAsync("1"))?.Name);
        await users.SaveAsync(new("1", "Grace", "grace@example.com"));
        Assert.Equal("Grace", (await users.GetAsync("1"))?.Name);
        Assert.Equal(5, users.CacheErrors);
    }

    [Fact(DisplayName = "connects_over_tls_to_a_cluster_by_its_name")]
    public async Task ConnectsOverTlsToAClusterByItsName()
    {
        await using var redis = await ConnectAsync(Url, Key, Ca);
        var db = redis.GetDatabase();
        for (var number = 0; number < 20; number++)
            Assert.True(await db.StringSetAsync($"demo:azure:{number}", "hello", TimeSpan.FromMinutes(1)));
        Assert.Equal("hello", await db.StringGetAsync("demo:azure:7"));
        Assert.Contains(redis.GetServers(), server => server.ServerType == ServerType.Cluster);
        Assert.Contains(redis.GetEndPoints(), one => one is IPEndPoint); // which the certificate lacks
    }

    [Fact(DisplayName = "url_without_a_port_means_10000_and_its_login_counts")]
    public async Task UrlWithoutAPortMeans10000AndItsLoginCounts()
    {
        await using var nobody = await ConnectAsync("redis://[::1]");
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 10000), nobody.GetEndPoints().Single());
        await using var redis = await ConnectAsync(Url.Replace("//", $"//:{Uri.EscapeDataString(Key)}@"), null, Ca);
        Assert.True(await redis.GetDatabase().PingAsync() > TimeSpan.Zero);
    }

    [Fact(DisplayName = "certificate_for_another_name_is_refused")]
    public Task CertificateForAnotherNameIsRefused() =>
        RefusesAsync("certificate was rejected", Given("REDIS_TLS_WRONG_NAME"), Key, Ca);

    [Fact(DisplayName = "unknown_authority_is_refused")]
    public Task UnknownAuthorityIsRefused() => RefusesAsync("certificate is invalid", Url, Key, null);

    [Fact(DisplayName = "wrong_access_key_is_refused")]
    public Task WrongAccessKeyIsRefused() => RefusesAsync("NOAUTH", Url, "wrong", Ca);
}
