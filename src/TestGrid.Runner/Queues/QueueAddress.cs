using TestGrid.Runner.Link;
using TestGrid.Runner.Queues.RabbitMq;

namespace TestGrid.Runner.Queues;

/// <summary>Where orders are published, or waited for: as much of it as a runner may hear. No user, and no password.</summary>
/// <param name="Kind"><see cref="QueueOptions.Sqlite"/> or <see cref="QueueOptions.RabbitMq"/>.</param>
/// <param name="VirtualHost">Where on the broker, if there is one.</param>
/// <param name="Name">The queue's name there.</param>
/// <remarks>The broker's own address is not part of it: it may have another name for each who asks.</remarks>
public sealed record QueueAddress(string Kind, string? VirtualHost, string? Name)
{
    public static QueueAddress Of(QueueOptions options) =>
        options.Chosen == QueueOptions.RabbitMq
            ? new QueueAddress(options.Chosen, BrokerAddress.Parse(options.Url).VirtualHost, options.Name)
            : new QueueAddress(options.Chosen, null, null);

    /// <summary>Why a runner that waits here gets no order from that server, and what mends it; null when it gets them.</summary>
    public string? ObjectionTo(HelloReply server)
    {
        if (Kind != QueueOptions.RabbitMq)
            return null; // it asks the server, wherever that has its jobs
        if (server.Queue != Kind)
        {
            return $"it has its jobs in {server.Queue}, so none would come by the broker: take --queue away (or queue:url "
                + "from the settings), or start the server with that --queue";
        }
        // A server of an older version does not say.
        if (server.QueueName is null || (server.VirtualHost, server.QueueName) == (VirtualHost, Name))
            return null;
        return $"it publishes its orders to the queue {server.QueueName} in the virtual host '{server.VirtualHost}' of its "
            + $"broker, and this runner waits at {Name} in '{VirtualHost}', where none would come: give both the same "
            + "--queue (its path is the virtual host) and the same queue:name in testgrid.json";
    }
}
