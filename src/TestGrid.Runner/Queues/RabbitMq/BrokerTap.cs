using RabbitMQ.Client;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>One message as it came.</summary>
internal sealed record BrokerMessage(ulong Tag, string? Id, byte[] Body);

/// <summary>
/// A channel that is asked for one message at a time: it consumes while somebody waits and not a moment longer, so
/// nothing lies unacknowledged in a runner that has no room. One caller at a time.
/// </summary>
internal sealed class BrokerTap : AsyncDefaultBasicConsumer, IAsyncDisposable
{
    private readonly string queue;
    private TaskCompletionSource<BrokerMessage>? waiting;

    private BrokerTap(IChannel channel, string queue)
        : base(channel)
    {
        this.queue = queue;
        channel.ChannelShutdownAsync += (_, why) =>
        {
            Volatile.Read(ref waiting)?.TrySetException(new IOException(why.ReplyText));
            return Task.CompletedTask;
        };
    }

    public bool IsOpen => Channel.IsOpen;

    public static async Task<BrokerTap> OpenAsync(IConnection connection, string queue, CancellationToken stop)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: stop);
        var tap = new BrokerTap(channel, queue);
        await channel.BasicQosAsync(0, 1, false, stop);
        return tap;
    }

    /// <summary>Waits for a message. After any failure, and after giving up, dispose this: what came meanwhile goes back.</summary>
    public async Task<BrokerMessage> NextAsync(CancellationToken stop)
    {
        var arrival = new TaskCompletionSource<BrokerMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref waiting, arrival);
        var consumer = await Channel.BasicConsumeAsync(queue, autoAck: false, this, stop);
        var message = await arrival.Task.WaitAsync(stop);
        // Before it is acknowledged, on the same channel: so the broker never sends another in between.
        await Channel.BasicCancelAsync(consumer, noWait: true, stop);
        return message;
    }

    public ValueTask AcknowledgeAsync(ulong tag) => Channel.BasicAckAsync(tag, multiple: false, CancellationToken.None);

    public ValueTask GiveBackAsync(ulong tag) =>
        Channel.BasicNackAsync(tag, multiple: false, requeue: true, CancellationToken.None);

    public override Task HandleBasicDeliverAsync(
        string consumerTag,
        ulong deliveryTag,
        bool redelivered,
        string exchange,
        string routingKey,
        IReadOnlyBasicProperties properties,
        ReadOnlyMemory<byte> body,
        CancellationToken cancellationToken = default
    )
    {
        // Copied: the client takes its buffer back when this returns.
        Volatile.Read(ref waiting)?.TrySetResult(new BrokerMessage(deliveryTag, properties.MessageId, body.ToArray()));
        return Task.CompletedTask;
    }

    /// <summary>The broker ends it when the queue is deleted under us.</summary>
    public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
    {
        Volatile.Read(ref waiting)?.TrySetException(new IOException($"the queue {queue} was deleted"));
        return base.HandleBasicCancelAsync(consumerTag, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Channel.AbortAsync(CancellationToken.None);
            await Channel.DisposeAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or TimeoutException)
        {
            // Its connection is gone, and with it the channel.
        }
    }
}
