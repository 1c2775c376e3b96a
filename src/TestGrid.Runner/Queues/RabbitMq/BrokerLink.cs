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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly BrokerAddress address = BrokerAddress.Parse(options.Url);
    private readonly SemaphoreSlim gate = new(1);
    private IConnection? connection;
    private string? trouble;
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
                return Told(new QueueAwayException(Words(e)));
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
            ? new QueueAwayException($"the queue at {address} takes nothing: {why}; trying again")
            : null;

    private IConnection? Open => connection is { IsOpen: true } open ? open : null;

    private async Task<IConnection> ConnectAsync(CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        var factory = new ConnectionFactory
        {
            HostName = address.Host,
            Port = address.Port,
            VirtualHost = address.VirtualHost,
            UserName = address.User,
            Password = await PasswordAsync(patience.Token),
            Ssl = new SslOption { Enabled = address.Tls, ServerName = address.Host },
            ClientProvidedName = $"testgrid {purpose} on {Environment.MachineName}",
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedConnectionTimeout = Patience,
            HandshakeContinuationTimeout = Patience,
            ContinuationTimeout = Patience,
            RequestedHeartbeat = TimeSpan.FromSeconds(10), // a broker that hangs is found out within 20 seconds
        };
        var made = await factory.CreateConnectionAsync(patience.Token);
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
            CameBack(log, address);
        trouble = null;
        warnedAt = null;
        return made;
    }

    private async Task DeclareAsync(IConnection made, CancellationToken stop)
    {
        await using var channel = await made.CreateChannelAsync(cancellationToken: stop);
        // Both on a majority of the broker's disks before it confirms. The limit is out of reach on purpose: newer
        // brokers drop what came back 20 times, and a server that is down for a minute brings an order back as often.
        var jobs = new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-delivery-limit"] = 1_000_000 };
        await channel.QueueDeclareAsync(options.Name, true, false, false, jobs, cancellationToken: stop);
        var unreadable = new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-max-length"] = 10_000 };
        await channel.QueueDeclareAsync(Unreadable(options), true, false, false, unreadable, cancellationToken: stop);
    }

    /// <summary>Where messages go that cannot be read.</summary>
    public static string Unreadable(QueueOptions options) => options.Name + ".unreadable";

    private async Task<string> PasswordAsync(CancellationToken stop)
    {
        if (options.PasswordFile is not { Length: > 0 } file)
        {
            return address.User == "guest"
                ? "guest"
                : throw new FileNotFoundException(
                    $"the user '{address.User}' needs a password: name its file with --queue-password-file"
                );
        }
        using var reader = new StreamReader(file);
        return await reader.ReadLineAsync(stop) is { Length: > 0 } password
            ? password
            : throw new FileNotFoundException($"the password file {file} is empty");
    }

    private string Words(Exception e) =>
        $"the queue at {address} is away: {BrokerWords.Of(e, address.User)}; trying again";

    private QueueAwayException Away(Exception e)
    {
        trouble = Words(e);
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
