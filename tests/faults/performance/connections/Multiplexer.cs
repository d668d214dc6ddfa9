/// <summary>What the multiplexer can be told to do.</summary>
static class MultiplexerFaults
{
    public static async Task<Operations> OpenAsync(string url, string _) =>
        Again.On((await Multiplexer.ConnectAsync(url)).GetDatabase());
}
