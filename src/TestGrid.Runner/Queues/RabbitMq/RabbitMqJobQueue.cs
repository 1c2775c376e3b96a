using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using TestGrid.Core.Orders;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>
/// The queue on a RabbitMQ broker: a quorum queue, confirmed and mandatory publishing, and consuming only while a
/// receiver waits. Two connections, because a broker that is low on memory stops reading from those that publish,
/// and acknowledgements must get through all the same.
/// </summary>
public sealed partial class RabbitMqJobQueue(QueueOptions options, TimeProvider time, ILogger<RabbitMqJobQueue> log)
    : IJobQueue,
        IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly BrokerLink publishing = new(options, "publishing", time, log);
    private readonly BrokerLink receiving = new(options, "receiving", time, log);
    private readonly ConcurrentStack<BrokerTap> idle = [];
    private readonly SemaphoreSlim gate = new(1);
    private IChannel? channel;

    /// <exception cref="ValidationException">A setting cannot be used; the message says which, and holds no password.</exception>
    public static void Check(QueueOptions options)
    {
        Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
        var address = BrokerAddress.Parse(options.Url);
        if (options.PasswordFile is { Length: > 0 } file && !File.Exists(file))
            throw new ValidationException($"the queue's password file {file} is not there");
        BrokerTrust.Check(address, options);
    }

    public async ValueTask<QueueTrouble?> TroubleAsync(CancellationToken stop)
    {
        try
        {
            await publishing.OpenAsync(stop);
            publishing.RefuseWhenBlocked();
            return null;
        }
        catch (QueueAwayException away)
        {
            return away.Trouble;
        }
    }

    public async ValueTask PublishAsync(JobOrder order, CancellationToken stop)
    {
        var properties = new BasicProperties
        {
            ContentType = "application/json",
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = order.Id.ToString(),
            AppId = "testgrid",
        };
        await PublishAsync(options.Name, properties, OrderText.Write(order), stop);
    }

    public async ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                if (await TryReceiveAsync(stop) is { } delivery)
                    return delivery;
            }
            catch (QueueAwayException)
            {
                await Task.Delay(Pause, time, stop); // its link has said so, and once a minute is enough
            }
            catch (Exception e) when (e is not ObjectDisposedException && !stop.IsCancellationRequested)
            {
                await receiving.LostAsync(e);
                await Task.Delay(Pause, time, stop);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (idle.TryPop(out var tap))
            await tap.DisposeAsync();
        await receiving.DisposeAsync();
        await publishing.DisposeAsync();
    }

    private async Task PublishAsync(string queue, BasicProperties properties, byte[] body, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            var open = await ChannelAsync(patience.Token);
            publishing.RefuseWhenBlocked();
            // Mandatory, for a broker confirms what it has thrown away too; with tracking both come as exceptions.
            await open.BasicPublishAsync("", queue, mandatory: true, properties, body, patience.Token);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            throw await publishing.LostAsync(e);
        }
    }

    private async ValueTask<IChannel> ChannelAsync(CancellationToken stop)
    {
        var connection = await publishing.OpenAsync(stop);
        if (channel is { IsOpen: true } open)
            return open;
        await gate.WaitAsync(stop);
        try
        {
            if (channel is { IsOpen: true } other)
                return other;
            var confirmed = new CreateChannelOptions(
                publisherConfirmationsEnabled: true,
                publisherConfirmationTrackingEnabled: true
            );
            return channel = await connection.CreateChannelAsync(confirmed, stop);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Null when what came could not be read, and was put aside.</summary>
    private async Task<JobDelivery?> TryReceiveAsync(CancellationToken stop)
    {
        var connection = await receiving.OpenAsync(stop);
        BrokerTap? tap;
        while (idle.TryPop(out tap) && !tap.IsOpen)
            await tap.DisposeAsync();
        tap ??= await BrokerTap.OpenAsync(connection, options.Name, stop);
        try
        {
            var message = await tap.NextAsync(stop);
            try
            {
                return new Delivered(this, tap, message.Tag, OrderText.Read(message.Body));
            }
            catch (FormatException e)
            {
                await PutAsideAsync(message, e.Message, stop);
                await tap.AcknowledgeAsync(message.Tag);
                idle.Push(tap);
                return null;
            }
        }
        catch
        {
            await tap.DisposeAsync(); // whatever it holds goes back
            throw;
        }
    }

    private async Task PutAsideAsync(BrokerMessage message, string why, CancellationToken stop)
    {
        var aside = BrokerQueues.Unreadable(options);
        var properties = new BasicProperties
        {
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = message.Id,
            Headers = new Dictionary<string, object?> { ["x-testgrid-reason"] = why },
        };
        // Published before the other is acknowledged: a crash in between leaves it there twice, and never nowhere.
        await PublishAsync(aside, properties, message.Body, stop);
        IsUnreadable(log, message.Id ?? "without an id", why, aside);
    }

    private async ValueTask SettleAsync(BrokerTap tap, Func<ValueTask> settle)
    {
        try
        {
            await settle();
            idle.Push(tap);
        }
        catch (Exception e) when (e is AlreadyClosedException or OperationInterruptedException or IOException)
        {
            // The connection is gone, so the broker has taken the order back: it comes again, to be claimed or refused.
            await tap.DisposeAsync();
        }
    }

    private sealed class Delivered(RabbitMqJobQueue queue, BrokerTap tap, ulong tag, JobOrder order)
        : JobDelivery(order)
    {
        private int settled;

        public override async ValueTask AcknowledgeAsync(CancellationToken stop)
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
                await queue.SettleAsync(tap, () => tap.AcknowledgeAsync(tag));
        }

        public override async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
                await queue.SettleAsync(tap, () => tap.GiveBackAsync(tag));
        }
    }

    [LoggerMessage(LogLevel.Error, "A message on the queue ({Id}) cannot be read: {Why}. It lies in {Aside} now")]
    private static partial void IsUnreadable(ILogger log, string id, string why, string aside);
}
