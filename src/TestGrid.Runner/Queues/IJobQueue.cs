using TestGrid.Core.Orders;

namespace TestGrid.Runner.Queues;

/// <summary>
/// Seam: where jobs wait for a runner. Delivery is at least once: a job may come out twice, and an order that is not
/// acknowledged comes again for someone else. So all that follows the queue tolerates a repeat, and the recorder is
/// the judge of it: the lease lives in the store, not here. Called from many threads at once.
/// </summary>
/// <remarks>Every implementation passes <c>tests/TestGrid.Tests/Contracts/JobQueueContract.cs</c>.</remarks>
public interface IJobQueue
{
    /// <summary>
    /// True when orders lie in the same database as the jobs: then a job that says queued and has no order is seen at
    /// once. Of another queue nobody knows what it still has: a job that stays queued is published again after a while.
    /// </summary>
    bool IsInStore => false;

    /// <summary>Looks now: what is wrong with the queue and what mends it, or null. Takes seconds at most.</summary>
    ValueTask<QueueTrouble?> TroubleAsync(CancellationToken stop) => new((QueueTrouble?)null);

    /// <summary>Returns when the order is durable. Publishing the same job again is allowed.</summary>
    /// <exception cref="QueueAwayException">It is not durable, or nobody knows. Known within seconds.</exception>
    ValueTask PublishAsync(JobOrder order, CancellationToken stop);

    /// <summary>
    /// Waits for the next order, oldest first, also while the queue is away. Take a free slot before you call:
    /// prefetching bounds nothing.
    /// </summary>
    ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop);
}

/// <summary>One order out of the queue. Disposed without being acknowledged, it goes back.</summary>
public abstract class JobDelivery(JobOrder order) : IAsyncDisposable
{
    public JobOrder Order { get; } = order;

    /// <summary>
    /// Takes it off the queue for good. Call it when the claim is in the store, or refused. A queue that went away is
    /// no error here: the order comes again, and its claim is refused.
    /// </summary>
    public abstract ValueTask AcknowledgeAsync(CancellationToken stop);

    public abstract ValueTask DisposeAsync();
}
