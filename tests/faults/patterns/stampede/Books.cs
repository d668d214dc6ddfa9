using Microsoft.Data.Sqlite;

/// <summary>The database that the programs of this page load from: it takes its time, and counts.</summary>
sealed class BooksOfFaults(string database)
{
    public int Reads;

    async Task<SqliteCommand> CommandAsync(string sql, string category, string title)
    {
        var db = new SqliteConnection($"Data Source={database}");
        await db.OpenAsync();
        var command = new SqliteCommand(sql, db);
        command.Parameters.AddRange([new("$category", category), new("$title", title)]);
        return command;
    }

    public async Task<string[]> LoadAsync(string category)
    {
        await Task.Delay(200);
        Interlocked.Increment(ref Reads);
        await using var query = await CommandAsync("SELECT title FROM books WHERE category = $category", category, "");
        await using var connection = query.Connection;
        await using var rows = await query.ExecuteReaderAsync();
        var titles = new List<string>();
        while (await rows.ReadAsync()) titles.Add(rows.GetString(0));
        return [.. titles];
    }

    public async Task WriteAsync(string category, string title)
    {
        await using var update = await CommandAsync("UPDATE books SET title = $title WHERE category = $category", category, title);
        await using var connection = update.Connection;
        await update.ExecuteNonQueryAsync();
    }
}
