using Microsoft.Data.Sqlite;

/// <summary>What refresh-ahead can be told to do.</summary>
static class RefreshAheadFaults
{
    public static async Task<Operations> OpenAsync(string url, string database)
    {
        var redis = await RefreshAhead.ConnectAsync(url);
        var reads = 0;
        var reports = new RefreshAhead.Reports(redis.GetDatabase(), async month =>
        {
            Interlocked.Increment(ref reads);
            await using var db = new SqliteConnection($"Data Source={database}");
            await db.OpenAsync();
            await using var query = new SqliteCommand("SELECT cents FROM orders WHERE month = $month", db);
            query.Parameters.AddWithValue("$month", month);
            return new(month, (long)(await query.ExecuteScalarAsync())!);
        });
        async Task<object?> ReadAsync(string month) => $"{(await reports.GetAsync(month)).Cents}";
        return new Operations
        {
            ["read"] = given => ReadAsync((string)given[0]!),
            ["prepare"] = async given => // two reports, one near its end
            {
                await ReadAsync((string)given[0]!);
                await ReadAsync((string)given[1]!);
                await redis.GetDatabase().KeyExpireAsync(RefreshAhead.CacheKey((string)given[1]!), TimeSpan.FromMinutes(10));
                return null;
            },
            ["counts"] = async _ =>
            {
                await reports.Refreshing; // the refresh goes on after the answer
                return new Dictionary<string, int>
                {
                    ["database reads"] = reads,
                    ["cache errors"] = reports.CacheErrors,
                    ["refused writes"] = reports.RefusedWrites,
                    ["mistakes"] = reports.Mistakes,
                    ["corrupt values"] = reports.CorruptValues,
                    ["refreshes"] = reports.Refreshes,
                    ["failed refreshes"] = reports.FailedRefreshes,
                };
            },
        };
    }
}
