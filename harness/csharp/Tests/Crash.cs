using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

/// <summary>
/// A process that dies in the middle of what it says to Redis: at every byte, one after the other. A program runs once
/// through a proxy that notes its bytes. What a process leaves that dies after so many of them is what Redis does when
/// it reads so many and then the end of the connection.
/// </summary>
sealed class Crash : IDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly List<byte> said = [];
    readonly int port;
    volatile bool noting;

    Crash(string url)
    {
        port = new Uri(url).Port;
        listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Let a program die after 0, 1, 2 … bytes of its commands, each time on an empty Redis, and look.</summary>
    public static async Task AtEveryByteAsync(string url, Func<string, Task<ConnectionMultiplexer>> connect,
        Func<IDatabase, Task> program, Func<IServer, Task> look)
    {
        await using var admin = await RedisServer.AdminAsync(url);
        var server = admin.GetServers().Single();
        var said = await SaidAsync(url, connect, program);
        for (var bytes = 0; bytes <= said.Length; bytes++)
        {
            await server.FlushDatabaseAsync();
            await SayAsync(url, said.AsMemory(0, bytes));
            await look(server);
        }
    }

    static async Task<byte[]> SaidAsync(
        string url, Func<string, Task<ConnectionMultiplexer>> connect, Func<IDatabase, Task> program)
    {
        using var proxy = new Crash(url);
        await using var redis = await connect($"redis://{proxy.listener.LocalEndpoint}");
        await Task.WhenAll(redis.GetSubscriber().PingAsync(), redis.GetDatabase().PingAsync()); // both connections stand
        proxy.noting = true;
        await program(redis.GetDatabase());
        proxy.noting = false;
        return [.. proxy.said];
    }

    static async Task SayAsync(string url, ReadOnlyMemory<byte> bytes)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(url).Port);
        var stream = client.GetStream();
        await stream.WriteAsync(bytes);
        client.Client.Shutdown(SocketShutdown.Send);
        await stream.CopyToAsync(Stream.Null); // until Redis has read everything, and closed
    }

    async Task AcceptAsync()
    {
        try { while (true) _ = ServeAsync(await listener.AcceptTcpClientAsync()); }
        catch (Exception e) when (e is SocketException or ObjectDisposedException) { } // it is closed
    }

    async Task ServeAsync(TcpClient client)
    {
        try
        {
            using var server = new TcpClient();
            using (client)
            {
                await server.ConnectAsync(IPAddress.Loopback, port);
                var (near, far) = (client.GetStream(), server.GetStream());
                _ = far.CopyToAsync(near);
                var data = new byte[65536];
                for (int read; (read = await near.ReadAsync(data)) > 0;)
                {
                    if (noting) said.AddRange(data[..read]); // before Redis can answer
                    await far.WriteAsync(data.AsMemory(0, read));
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException) { } // either side left
    }

    public void Dispose() => listener.Dispose();
}
