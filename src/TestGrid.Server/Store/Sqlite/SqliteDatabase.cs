using System.Threading.Channels;
using Dapper;
using DbUp;
using Microsoft.Data.Sqlite;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>
/// The one database file: WAL, <c>synchronous=FULL</c>, one writer that commits in groups, readers on pooled
/// connections. A write returns when the group it went into is on the disk. Opening it brings its schema up to date,
/// forwards only.
/// </summary>
public sealed class SqliteDatabase : IAsyncDisposable
{
    private const int GroupMax = 256;

    private readonly Channel<Write> writes = Channel.CreateBounded<Write>(
        new BoundedChannelOptions(4096) { SingleReader = true }
    );
    private readonly string connectionString;
    private readonly Thread writer;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SqliteDatabase(string connectionString)
    {
        this.connectionString = connectionString;
        // A thread of its own: SQLite blocks on the disk, and the pool's threads carry everybody else.
        writer = new Thread(WriteAll) { IsBackground = true, Name = "testgrid-store" };
        writer.Start();
    }

    /// <exception cref="StoreException">The file was written by a newer TestGrid, or cannot be opened.</exception>
    public static SqliteDatabase Open(string path)
    {
        var text = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            ForeignKeys = true,
            DefaultTimeout = 10, // seconds; also how long a busy database is waited for
            Pooling = true,
        }.ToString();
        try
        {
            // For its owner alone, and so are the files that SQLite makes beside it: it takes this one's mode.
            if (!File.Exists(path))
                DataFolder.WriteSecret(path, []);
            using (var db = new SqliteConnection(text))
            {
                db.Open();
                db.Execute("PRAGMA journal_mode = WAL");
            }
            Migrate(text);
        }
        catch (SqliteException e)
        {
            throw new StoreException($"The database {path} cannot be opened: {e.Message}", e);
        }
        return new SqliteDatabase(text);
    }

    /// <summary>A connection to read with, for this moment only; dispose it soon, it goes back to the pool.</summary>
    public SqliteConnection Read()
    {
        var db = new SqliteConnection(connectionString);
        db.Open();
        return db;
    }

    /// <summary>
    /// Runs <paramref name="work"/> in the writer's next transaction and returns when that is on the disk. Work that
    /// throws is rolled back alone, and its exception comes out here. Once begun it is not cancelled.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, T> work, CancellationToken stop)
    {
        var write = new Write<T>(work, stop);
        await writes.Writer.WriteAsync(write, stop);
        return await write.Done;
    }

    /// <inheritdoc cref="WriteAsync{T}"/>
    public Task WriteAsync(Action<SqliteConnection> work, CancellationToken stop) =>
        WriteAsync(
            db =>
            {
                work(db);
                return true;
            },
            stop
        );

    /// <summary>Returns when a write, to the queue's table, has got through.</summary>
    public Task PingAsync(CancellationToken stop) =>
        WriteAsync(
            db =>
            {
                db.Execute("DELETE FROM queue WHERE id = -1");
            },
            stop
        );

    /// <summary>Writes what is under way, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        writes.Writer.TryComplete();
        await ended.Task;
        SqliteConnection.ClearPool(new SqliteConnection(connectionString));
    }

    private static void Migrate(string connectionString)
    {
        var upgrade = DeployChanges
            .To.SqliteDatabase(connectionString)
            .WithScriptsEmbeddedInAssembly(
                typeof(SqliteDatabase).Assembly,
                name => name.EndsWith(".sql", StringComparison.Ordinal)
            )
            .WithTransactionPerScript()
            .LogToNowhere()
            .Build();
        var known = upgrade.GetDiscoveredScripts().Select(script => script.Name).ToHashSet(StringComparer.Ordinal);
        if (upgrade.GetExecutedScripts().FirstOrDefault(name => !known.Contains(name)) is { } newer)
        {
            throw new StoreException(
                $"The data folder was written by a newer TestGrid (it has '{newer}'): run that one, or restore a backup."
            );
        }
        var result = upgrade.PerformUpgrade();
        if (!result.Successful)
            throw new StoreException($"The database could not be migrated: {result.Error.Message}", result.Error);
    }

    private void WriteAll()
    {
        try
        {
            using var db = Read();
            db.Execute("PRAGMA synchronous = FULL");
            var group = new List<Write>(GroupMax);
            while (writes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (group.Count < GroupMax && writes.Reader.TryRead(out var write))
                    group.Add(write);
                WriteGroup(db, group);
                group.Clear();
            }
            ended.SetResult();
        }
        catch (Exception e)
        {
            // Nothing can be written any more: say so to everybody who asks, rather than let them wait for ever.
            writes.Writer.TryComplete(new StoreException($"The store's writer ended: {e.Message}", e));
            while (writes.Reader.TryRead(out var write))
                write.Fail(e);
            ended.SetResult();
        }
    }

    private static void WriteGroup(SqliteConnection db, List<Write> group)
    {
        try
        {
            db.Execute("BEGIN IMMEDIATE");
            foreach (var write in group)
            {
                db.Execute("SAVEPOINT one");
                if (!write.Run(db))
                    db.Execute("ROLLBACK TO one");
                db.Execute("RELEASE one");
            }
            db.Execute("COMMIT");
        }
        catch (SqliteException e)
        {
            // A full disk, an I/O error: nothing of the group is kept, and nobody is told that it is.
            if (SQLitePCL.raw.sqlite3_get_autocommit(db.Handle!) == 0)
                db.Execute("ROLLBACK");
            foreach (var write in group)
                write.Fail(e);
            return;
        }
        foreach (var write in group)
            write.Tell();
    }

    private abstract class Write
    {
        public abstract bool Run(SqliteConnection db);

        public abstract void Tell();

        public abstract void Fail(Exception cause);
    }

    private sealed class Write<T>(Func<SqliteConnection, T> work, CancellationToken stop) : Write
    {
        private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? result;
        private Exception? thrown;

        public Task<T> Done => done.Task;

        public override bool Run(SqliteConnection db)
        {
            try
            {
                stop.ThrowIfCancellationRequested();
                result = work(db);
                return true;
            }
            catch (Exception e)
            {
                thrown = e;
                return false;
            }
        }

        public override void Tell()
        {
            if (thrown is OperationCanceledException cancelled)
                done.TrySetCanceled(cancelled.CancellationToken);
            else if (thrown is { } e)
                done.TrySetException(e);
            else
                done.TrySetResult(result!);
        }

        public override void Fail(Exception cause) => done.TrySetException(thrown ?? cause);
    }
}
