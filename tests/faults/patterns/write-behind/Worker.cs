using Microsoft.Data.Sqlite;

/// <summary>What the worker of write-behind can be told to do. Its own loop has no end, so it takes single turns.</summary>
static class WorkerFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await Worker.ConnectAsync(url);
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var writer = new Worker.Writer(redis.GetDatabase(), db);

        async Task AddAsync(string id, string data)
        {
            await using var own = await Worker.ConnectAsync(url);
            await own.GetDatabase().StreamAddAsync("stream:carts", [new("id", id), new("data", data)]);
        }

        return new Operations
        {
            // Take turns before there is anything, so that it is connected and has made its group
            ["ready"] = async _ =>
            {
                await writer.TurnAsync();
                await writer.TurnAsync();
                await AddAsync("1", """{"pen":1}""");
                return null;
            },
            ["turn"] = async _ =>
            {
                await writer.TurnAsync();
                return null;
            },
            // Add an entry, and take turns until its row is there
            ["carry"] = async given =>
            {
                await AddAsync((string)given[0]!, (string)given[1]!);
                await using var row = new SqliteCommand("SELECT data FROM carts WHERE id = $id", db);
                row.Parameters.AddWithValue("$id", (string)given[0]!);
                for (var tries = 0; tries < 50; tries++)
                {
                    await writer.TurnAsync();
                    if (await row.ExecuteScalarAsync() is string data) return data;
                }
                return null;
            },
            ["counts"] = async _ => writer.Stats,
        };
    }
}
