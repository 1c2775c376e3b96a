using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>
/// One connection to the broker, made when somebody asks for it, and made anew when it was lost: with both queues
/// declared again, for the broker may have come back empty. The client's own recovery is off, because it knows
/// neither who waits nor for how long. While the broker is away it is tried once a second at most, whoever asks.
/// </summary>
internal sealed partial class BrokerLink(QueueOptions options, string purpose, TimeProvider time, ILogger log)
    : IAsyncDisposable
{
    private static readonly TimeSpan Patience = BrokerDoor.Patience;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly BrokerDoor door = new(options);
    private readonly SemaphoreSlim gate = new(1);
    private IConnection? connection;
    private QueueTrouble? trouble;
    private string? blocked;
    private long triedAt;
    private long? warnedAt;
    private bool disposed;

    /// <summary>An open connection with its queues declared. Known within seconds.</summary>
    /// <exception cref="QueueAwayException">There is none.</exception>
    public async ValueTask<IConnection> OpenAsync(CancellationToken stop)
    {
        if (Open is { } open)
            return open;
        await gate.WaitAsync(stop);
        try
        {
            if (Open is { } other)
                return other;
            ObjectDisposedException.ThrowIf(disposed, this);
            if (trouble is not null && time.GetElapsedTime(triedAt) < Pause)
                throw new QueueAwayException(trouble);
            _ = DropAsync();
            try
            {
                return connection = await ConnectAsync(stop);
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                throw Away(e);
            }
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Throws when the broker has said that it takes nothing for now: it is low on memory or disk.</summary>
    public void RefuseWhenBlocked()
    {
        if (Blocked() is { } refused)
            throw refused;
    }

    /// <summary>What went wrong in words; the connection is made anew for whoever asks next.</summary>
    public async Task<QueueAwayException> LostAsync(Exception e)
    {
        if (e is QueueAwayException known)
            return known;
        await gate.WaitAsync(CancellationToken.None);
        try
        {
            // Only this connection will hear that the broker takes messages again.
            if (Open is not null && Blocked() is { } refused)
                return Told(refused);
            // Others may have found the same, and have a new connection already.
            if (Open is not null && e is not (OperationCanceledException or PublishException))
                return Told(new QueueAwayException(TroubleOf(e)));
            _ = DropAsync();
            return Away(e);
        }
        finally
        {
            gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await gate.WaitAsync(CancellationToken.None);
        disposed = true;
        gate.Release();
        await DropAsync()
            .WaitAsync(Patience, time, CancellationToken.None)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private QueueAwayException? Blocked() =>
        Volatile.Read(ref blocked) is { } why
            ? new QueueAwayException(
                new QueueTrouble($"the queue at {door.Address} takes nothing: {why}; trying again", door.WhenBlocked)
            )
            : null;

    private IConnection? Open => connection is { IsOpen: true } open ? open : null;

    private async Task<IConnection> ConnectAsync(CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        var made = await door.OpenAsync(purpose, patience.Token);
        try
        {
            await DeclareAsync(made, patience.Token);
        }
        catch
        {
            _ = CloseAsync(made);
            throw;
        }
        Volatile.Write(ref blocked, null);
        made.ConnectionBlockedAsync += (_, why) =>
        {
            Volatile.Write(ref blocked, why.Reason);
            return Task.CompletedTask;
        };
        made.ConnectionUnblockedAsync += (_, _) =>
        {
            Volatile.Write(ref blocked, null);
            return Task.CompletedTask;
        };
        if (trouble is not null)
            CameBack(log, door.Address);
        trouble = null;
        warnedAt = null;
        return made;
    }

    private async Task DeclareAsync(IConnection made, CancellationToken stop)
    {
        await using var channel = await made.CreateChannelAsync(cancellationToken: stop);
        foreach (var (name, arguments) in BrokerQueues.Of(options))
            await channel.QueueDeclareAsync(name, true, false, false, arguments, cancellationToken: stop);
    }

    private QueueTrouble TroubleOf(Exception e)
    {
        var cause = door.TroubleOf(e);
        return cause with { Words = $"the queue at {door.Address} is away: {cause.Words}; trying again" };
    }

    private QueueAwayException Away(Exception e)
    {
        trouble = TroubleOf(e);
        triedAt = time.GetTimestamp();
        return Told(new QueueAwayException(trouble));
    }

    /// <summary>Says it in the log, once a minute.</summary>
    private QueueAwayException Told(QueueAwayException away)
    {
        if (warnedAt is not { } then || time.GetElapsedTime(then) > Silence)
        {
            warnedAt = time.GetTimestamp();
            IsAway(log, away.Message);
        }
        return away;
    }

    // Not waited for but at the end: a broker that hangs does not say goodbye, and callers are told within seconds.
    private Task DropAsync() =>
        Interlocked.Exchange(ref connection, null) is { } old ? CloseAsync(old) : Task.CompletedTask;

    private static async Task CloseAsync(IConnection old)
    {
        try
        {
            await old.CloseAsync(200, "done", TimeSpan.FromSeconds(1), abort: true, CancellationToken.None);
            await old.DisposeAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or TimeoutException)
        {
            // It is gone either way.
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Trouble}")]
    private static partial void IsAway(ILogger log, string trouble);

    [LoggerMessage(LogLevel.Warning, "The queue at {Address} is back")]
    private static partial void CameBack(ILogger log, BrokerAddress address);
}
