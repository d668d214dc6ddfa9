/// <summary>What the connection to Azure can be told to do.</summary>
static class AzureFaults
{
    public static async Task<Operations> OpenAsync(string url, string _) =>
        Again.On((await AzureConnection.ConnectAsync(url)).GetDatabase());
}
