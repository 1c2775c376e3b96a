using Dapper;
using TestGrid.Core.Orders;
using TestGrid.Runner.Queues;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>
/// The queue as a table of the store's own database. The table is the recovery: rows are read once, at the start.
/// After that memory carries the orders, and a row goes when its order is acknowledged.
/// </summary>
public sealed class SqliteJobQueue(SqliteDatabase database) : IJobQueue, IDisposable
{
    private SqliteDatabase Database { get; } = database;
    private readonly Lock gate = new();
    private readonly SortedDictionary<long, JobOrder> ready = []; // by row: the oldest first, also one that came back
    private readonly SemaphoreSlim count = new(0);
    private bool recovered;

    public bool IsInStore => true;

    public async ValueTask PublishAsync(JobOrder order, CancellationToken stop)
    {
        Recover(); // before the row is there, or it would be read as one of an earlier life too
        var row = await Database.WriteAsync(
            db =>
                db.ExecuteScalar<long>(
                    "INSERT INTO queue (build, cell, job_order) VALUES (@Build, @Cell, @order) RETURNING id",
                    new
                    {
                        order.Id.Build,
                        order.Id.Cell,
                        order = Rows.Json(order),
                    }
                ),
            stop
        );
        Add(row, order);
    }

    public async ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop)
    {
        Recover();
        await count.WaitAsync(stop);
        lock (gate)
        {
            var (row, order) = ready.First();
            ready.Remove(row);
            return new Delivered(this, row, order);
        }
    }

    public void Dispose() => count.Dispose();

    private void Recover()
    {
        lock (gate)
        {
            if (recovered)
                return;
            using var db = Database.Read();
            foreach (var (id, order) in db.Query<(long, string)>("SELECT id, job_order FROM queue ORDER BY id"))
                Add(id, Rows.Order(order));
            recovered = true;
        }
    }

    private void Add(long row, JobOrder order)
    {
        lock (gate)
            ready.Add(row, order);
        count.Release();
    }

    private sealed class Delivered(SqliteJobQueue queue, long row, JobOrder order) : JobDelivery(order)
    {
        private int settled;

        public override ValueTask AcknowledgeAsync(CancellationToken stop)
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
            {
                // Not awaited: should the row outlive a crash, the order comes again and its claim is refused,
                // which costs less than a wait for the disk before every job.
                _ = queue.Database.WriteAsync(
                    db => db.Execute("DELETE FROM queue WHERE id = @row", new { row }),
                    CancellationToken.None
                );
            }
            return ValueTask.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
                queue.Add(row, Order);
            return ValueTask.CompletedTask;
        }
    }
}
