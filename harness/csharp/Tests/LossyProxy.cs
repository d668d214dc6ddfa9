using System.Net;
using System.Net.Sockets;
using System.Text;

/// <summary>
/// A proxy that loses replies: it passes everything on, but breaks a connection in place of the first replies to a
/// command. Redis runs the command, and the client never hears of it.
/// </summary>
sealed class LossyProxy : IDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly (int Port, string Command, int Losses) plan;
    int attempts;

    public LossyProxy(string url, string command, int losses)
    {
        plan = (new Uri(url).Port, $"\r\n{command}\r\n", losses);
        listener.Start();
        _ = AcceptAsync();
    }

    public string Url => $"redis://{listener.LocalEndpoint}";

    /// <summary>How often the command came through.</summary>
    public int Attempts => attempts;

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
                await server.ConnectAsync(IPAddress.Loopback, plan.Port);
                var (near, far) = (client.GetStream(), server.GetStream());
                var lost = false;
                var replies = PassRepliesAsync();
                var data = new byte[65536];
                for (int read; (read = await near.ReadAsync(data)) > 0;)
                {
                    lost = Encoding.Latin1.GetString(data, 0, read).Contains(plan.Command)
                        && Interlocked.Increment(ref attempts) <= plan.Losses;
                    await far.WriteAsync(data.AsMemory(0, read));
                    if (!lost) continue;
                    await replies; // Redis has run the command; only now may the client notice
                    return;
                }

                async Task PassRepliesAsync()
                {
                    var answer = new byte[65536];
                    for (int read; (read = await far.ReadAsync(answer)) > 0 && !lost;)
                        await near.WriteAsync(answer.AsMemory(0, read));
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException) { } // either side left
    }

    public void Dispose() => listener.Dispose();
}
