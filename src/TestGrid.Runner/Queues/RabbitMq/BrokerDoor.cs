using RabbitMQ.Client;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>
/// The way into the broker: address, password and trust. Files are read for each connection, so what was mended
/// counts at the next try.
/// </summary>
internal sealed class BrokerDoor(QueueOptions options)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public BrokerAddress Address { get; } = BrokerAddress.Parse(options.Url);

    /// <summary>The remedy when the broker says that it is low on memory or disk.</summary>
    public string WhenBlocked => BrokerRemedies.Blocked(Address);

    /// <summary>A connection that nobody makes anew: its owner does.</summary>
    public async Task<IConnection> OpenAsync(string purpose, CancellationToken stop)
    {
        var trust = BrokerTrust.For(Address, options);
        var factory = new ConnectionFactory
        {
            HostName = Address.Host,
            Port = Address.Port,
            VirtualHost = Address.VirtualHost,
            UserName = Address.User,
            Password = await PasswordAsync(stop),
            Ssl = trust.Option,
            ClientProvidedName = $"testgrid {purpose} on {Environment.MachineName}",
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedConnectionTimeout = Patience,
            HandshakeContinuationTimeout = Patience,
            ContinuationTimeout = Patience,
            RequestedHeartbeat = TimeSpan.FromSeconds(10), // a broker that hangs is found out within 20 seconds
        };
        try
        {
            return await factory.CreateConnectionAsync(stop);
        }
        catch when (trust.Refused is { } refused)
        {
            throw new QueueAwayException(refused); // what the client says of it names no reason
        }
    }

    /// <summary>What an exception of the client means, in words that go on after "is away:", and what mends it.</summary>
    public QueueTrouble TroubleOf(Exception e) => BrokerWords.Of(e, Address, options);

    private async Task<string> PasswordAsync(CancellationToken stop)
    {
        if (options.PasswordFile is not { Length: > 0 } file)
        {
            return Address.User == "guest"
                ? "guest"
                : throw new QueueAwayException(
                    new QueueTrouble(
                        $"the user '{Address.User}' needs a password: name its file with --queue-password-file",
                        BrokerRemedies.NoPassword
                    )
                );
        }
        using var reader = new StreamReader(file);
        return await reader.ReadLineAsync(stop) is { Length: > 0 } password
            ? password
            : throw new QueueAwayException(
                new QueueTrouble($"the password file {file} is empty", BrokerRemedies.WritePassword(file))
            );
    }
}
