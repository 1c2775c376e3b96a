using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Store.Sqlite;

public sealed class SqliteDatabaseTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string FilePath => Path.Combine(folder.Path, "testgrid.db");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task It_keeps_its_promises_of_durability()
    {
        await using var database = SqliteDatabase.Open(FilePath);

        var (journal, sync, keys) = await database.WriteAsync(
            db =>
                (
                    db.ExecuteScalar<string>("PRAGMA journal_mode"),
                    db.ExecuteScalar<long>("PRAGMA synchronous"),
                    db.ExecuteScalar<long>("PRAGMA foreign_keys")
                ),
            Stop
        );

        Assert.Equal(("wal", 2L, 1L), (journal, sync, keys)); // 2 is FULL
        foreach (var file in Directory.GetFiles(folder.Path))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public async Task Work_that_throws_is_rolled_back_alone()
    {
        await using var database = SqliteDatabase.Open(FilePath);
        using var gate = new ManualResetEventSlim();
        var first = database.WriteAsync(_ => gate.Wait(Stop), Stop); // so that the rest becomes one group

        var good = database.WriteAsync(db => Set(db, "good"), Stop);
        var bad = database.WriteAsync(
            db =>
            {
                Set(db, "bad");
                throw new InvalidOperationException("on purpose");
            },
            Stop
        );
        var alsoGood = database.WriteAsync(db => Set(db, "also good"), Stop);
        gate.Set();

        await Task.WhenAll(first, good, alsoGood);
        Assert.Equal("on purpose", (await Assert.ThrowsAsync<InvalidOperationException>(() => bad)).Message);
        using var read = database.Read();
        Assert.Equal(["also good", "good"], read.Query<string>("SELECT name FROM settings ORDER BY name"));
    }

    [Fact]
    public async Task Nobody_is_told_before_the_group_is_on_the_disk()
    {
        await using var database = SqliteDatabase.Open(FilePath);

        await Task.WhenAll(
            Enumerable
                .Range(0, 500)
                .Select(async n =>
                {
                    await database.WriteAsync(db => Set(db, $"{n}"), Stop);
                    using var other = new SqliteConnection($"Data Source={FilePath};Pooling=False");
                    other.Open();
                    Assert.Equal(
                        1,
                        other.ExecuteScalar<long>("SELECT count(*) FROM settings WHERE name = @n", new { n = $"{n}" })
                    );
                })
        );
    }

    [Fact]
    public async Task What_is_under_way_is_written_when_it_closes()
    {
        var database = SqliteDatabase.Open(FilePath);
        var writes = Enumerable.Range(0, 300).Select(n => database.WriteAsync(db => Set(db, $"{n}"), Stop)).ToList();

        await database.DisposeAsync();

        await Task.WhenAll(writes);
        await using var again = SqliteDatabase.Open(FilePath);
        using var read = again.Read();
        Assert.Equal(300, read.ExecuteScalar<long>("SELECT count(*) FROM settings"));
        await Assert.ThrowsAnyAsync<Exception>(() => database.WriteAsync(db => Set(db, "late"), Stop));
    }

    [Fact]
    public async Task A_write_that_nobody_waits_for_any_more_is_not_begun()
    {
        await using var database = SqliteDatabase.Open(FilePath);
        using var gate = new ManualResetEventSlim();
        using var impatient = new CancellationTokenSource();
        var first = database.WriteAsync(_ => gate.Wait(Stop), Stop);
        var second = database.WriteAsync(db => Set(db, "x"), impatient.Token);
        await impatient.CancelAsync();
        gate.Set();

        await first;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        using var read = database.Read();
        Assert.Equal(0, read.ExecuteScalar<long>("SELECT count(*) FROM settings"));
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_left_alone()
    {
        await using (var database = SqliteDatabase.Open(FilePath))
        {
            await database.WriteAsync(
                db =>
                    db.Execute(
                        "INSERT INTO SchemaVersions (ScriptName, Applied) VALUES ('9999-later.sql', '2030-01-01')"
                    ),
                Stop
            );
        }

        var refused = Assert.Throws<StoreException>(() => SqliteDatabase.Open(FilePath));

        Assert.Contains("9999-later.sql", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_database_is_said_to_be_none()
    {
        await File.WriteAllTextAsync(FilePath, new string('x', 10_000), Stop);

        Assert.Contains(
            FilePath,
            Assert.Throws<StoreException>(() => SqliteDatabase.Open(FilePath)).Message,
            StringComparison.Ordinal
        );
    }

    private static void Set(SqliteConnection db, string name) =>
        db.Execute("INSERT INTO settings (name, value) VALUES (@name, '')", new { name });
}
