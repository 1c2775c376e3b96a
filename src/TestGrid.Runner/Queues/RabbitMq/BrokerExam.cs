using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>
/// Finds out whether a broker would do for a server, and changes nothing on it: no queue is made, no message stays or
/// moves. A right is tried by a request that the broker must refuse for another reason, for it looks at rights first.
/// </summary>
public sealed class BrokerExam(QueueOptions options)
{
    private readonly BrokerDoor door = new(options);

    /// <summary>Takes seconds at most.</summary>
    /// <returns>What is wrong, or null; and what was found, in words.</returns>
    public async Task<(QueueTrouble? Trouble, string Found)> ExamineAsync(CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(BrokerDoor.Patience * 2);
        try
        {
            return (null, await LookAsync(patience.Token));
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            var cause = door.TroubleOf(e);
            return (cause with { Words = $"the queue at {door.Address}: {cause.Words}" }, "");
        }
    }

    private async Task<string> LookAsync(CancellationToken stop)
    {
        await using var connection = await door.OpenAsync("doctor", stop);
        var blocked = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionBlockedAsync += (_, why) =>
        {
            blocked.TrySetResult(why.Reason);
            return Task.CompletedTask;
        };
        uint? waiting = 0;
        foreach (var (name, arguments) in BrokerQueues.Of(options))
        {
            var there = await CountAsync(connection, name, stop);
            if (name == options.Name)
                waiting = there;
            // Declaring what is there as it is changes nothing, and fails when it is not as it should be.
            if (there is null)
                await MayDeclareAsync(connection, name, stop);
            else
            {
                await WithRightAsync(
                    $"configure {name}",
                    () => WithChannelAsync(connection, one => DeclareAsync(one, name, arguments, stop), stop)
                );
            }
            await MayReadAsync(connection, name, there is not null, stop);
        }
        var publishing = WithRightAsync("write to amq.default", () => MayPublishAsync(connection, stop));
        if (await Task.WhenAny(publishing, blocked.Task) == blocked.Task)
            throw new QueueAwayException(new QueueTrouble($"it takes nothing: {await blocked.Task}", door.WhenBlocked));
        await publishing;
        return waiting is { } count
            ? $"{options.Url} takes orders on {options.Name}, {count} lie there"
            : $"{options.Url} takes orders; {options.Name} is not there yet: the first start of a server makes it";
    }

    /// <summary>How many messages it has; null when there is no such queue.</summary>
    private static async Task<uint?> CountAsync(IConnection connection, string queue, CancellationToken stop)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stop);
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue, stop)).MessageCount;
        }
        catch (OperationInterruptedException e) when (Is(e, Constants.NotFound))
        {
            return null;
        }
    }

    private static Task<QueueDeclareOk> DeclareAsync(
        IChannel channel,
        string queue,
        Dictionary<string, object?> arguments,
        CancellationToken stop
    ) => channel.QueueDeclareAsync(queue, true, false, false, arguments, cancellationToken: stop);

    // There is no such type of queue.
    private Task MayDeclareAsync(IConnection connection, string queue, CancellationToken stop) =>
        RefusedForAsync(
            Constants.PreconditionFailed,
            $"configure {queue}",
            connection,
            one => DeclareAsync(one, queue, new() { ["x-queue-type"] = "none" }, stop),
            stop
        );

    // A consumer's priority is a number; and nobody consumes from a queue that is not there.
    private Task MayReadAsync(IConnection connection, string queue, bool isThere, CancellationToken stop) =>
        RefusedForAsync(
            isThere ? Constants.PreconditionFailed : Constants.NotFound,
            $"read {queue}",
            connection,
            one =>
                one.BasicConsumeAsync(
                    queue,
                    false,
                    "",
                    false,
                    false,
                    new Dictionary<string, object?> { ["x-priority"] = "none" },
                    new AsyncDefaultBasicConsumer(one),
                    stop
                ),
            stop
        );

    // To a queue that nobody has: it comes back.
    private static async Task MayPublishAsync(IConnection connection, CancellationToken stop)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), stop);
        try
        {
            await channel.BasicPublishAsync(
                "",
                $"testgrid-doctor-{Environment.ProcessId}",
                mandatory: true,
                new BasicProperties(),
                ReadOnlyMemory<byte>.Empty,
                stop
            );
        }
        catch (PublishException e) when (e.IsReturn) { }
    }

    private Task RefusedForAsync(
        int reason,
        string right,
        IConnection connection,
        Func<IChannel, Task> ask,
        CancellationToken stop
    ) =>
        WithRightAsync(
            right,
            () =>
                WithChannelAsync(
                    connection,
                    async channel =>
                    {
                        try
                        {
                            await ask(channel);
                        }
                        catch (OperationInterruptedException e) when (Is(e, reason)) { }
                    },
                    stop
                )
        );

    // Not every broker says which right it is that it missed.
    private async Task WithRightAsync(string right, Func<Task> use)
    {
        try
        {
            await use();
        }
        catch (OperationInterruptedException e) when (Is(e, Constants.AccessRefused))
        {
            throw new QueueAwayException(
                new QueueTrouble(
                    $"the user '{door.Address.User}' lacks the right to {right}",
                    BrokerRemedies.Permissions(door.Address, options)
                )
            );
        }
    }

    private static async Task WithChannelAsync(IConnection connection, Func<IChannel, Task> use, CancellationToken stop)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stop);
        await use(channel);
    }

    private static bool Is(OperationInterruptedException e, int reason) => e.ShutdownReason?.ReplyCode == reason;
}
