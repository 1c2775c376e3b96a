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
    /// <summary>Returns when the order is durable. Publishing the same job again is allowed.</summary>
    ValueTask PublishAsync(JobOrder order, CancellationToken stop);

    /// <summary>Waits for the next order, oldest first. Take a free slot before you call: prefetching bounds nothing.</summary>
    ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop);
}

/// <summary>One order out of the queue. Disposed without being acknowledged, it goes back.</summary>
public abstract class JobDelivery(JobOrder order) : IAsyncDisposable
{
    public JobOrder Order { get; } = order;

    /// <summary>Takes it off the queue for good. Call it when the claim is in the store, or refused.</summary>
    public abstract ValueTask AcknowledgeAsync(CancellationToken stop);

    public abstract ValueTask DisposeAsync();
}
