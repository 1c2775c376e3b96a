using Dapper;
using Microsoft.Data.Sqlite;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Looks at a database without changing it, also beside the server that uses it.</summary>
public static class StoreFacts
{
    /// <summary>What is wrong with it, or null. It reads the whole file: a second a gigabyte.</summary>
    public static string? Examine(string path)
    {
        var text = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadOnly,
            Pooling = false,
        }.ToString();
        try
        {
            using var db = new SqliteConnection(text);
            db.Open();
            var said = db.ExecuteScalar<string>("PRAGMA quick_check(1)");
            return said == "ok" ? null : $"it is damaged: {said}";
        }
        catch (SqliteException e)
        {
            return e.Message;
        }
    }
}
