using System.Text;
using RabbitMQ.Client;

namespace TestGrid.Scenarios.Support;

/// <summary>Listens to every message of a virtual host, as it is published and as it is delivered: the broker's own trace.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly IConnection connection;
    private readonly IChannel channel;
    private readonly string queue;
    private readonly List<string> messages = [];

    private Wire(IConnection connection, IChannel channel, string queue) =>
        (this.connection, this.channel, this.queue) = (connection, channel, queue);

    /// <summary>From now on; <c>rabbitmqctl trace_on</c> was said.</summary>
    public static async Task<Wire> TapAsync(int port, string host, CancellationToken stop)
    {
        var factory = new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = port,
            VirtualHost = host,
        };
        var connection = await factory.CreateConnectionAsync(stop);
        var channel = await connection.CreateChannelAsync(cancellationToken: stop);
        var queue = (await channel.QueueDeclareAsync(cancellationToken: stop)).QueueName;
        await channel.QueueBindAsync(queue, "amq.rabbitmq.trace", "#", cancellationToken: stop);
        return new Wire(connection, channel, queue);
    }

    /// <summary>All there were, when they are as told: what happened, its properties and its body, as text.</summary>
    public async Task<IReadOnlyList<string>> UntilAsync(
        Func<IReadOnlyList<string>, bool> isThere,
        CancellationToken stop
    )
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            while (await channel.BasicGetAsync(queue, autoAck: true, stop) is { } one)
                messages.Add($"{one.RoutingKey} {Text(one.BasicProperties.Headers)} {Text(one.Body.ToArray())}");
            if (isThere(messages))
                return messages;
            await timer.WaitForNextTickAsync(stop);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
    }

    private static string Text(object? value) =>
        value switch
        {
            byte[] bytes => Encoding.UTF8.GetString(bytes),
            IDictionary<string, object?> map => string.Join(' ', map.Select(one => $"{one.Key}={Text(one.Value)}")),
            IEnumerable<object?> list => string.Join(' ', list.Select(Text)),
            _ => $"{value}",
        };
}
