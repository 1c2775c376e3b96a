namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>The queues that a broker has for us, and what they are declared with.</summary>
internal static class BrokerQueues
{
    /// <summary>Where messages go that cannot be read.</summary>
    public static string Unreadable(QueueOptions options) => options.Name + ".unreadable";

    public static IEnumerable<(string Name, Dictionary<string, object?> Arguments)> Of(QueueOptions options)
    {
        // Both on a majority of the broker's disks before it confirms. The limit is out of reach on purpose: newer
        // brokers drop what came back 20 times, and a server that is down for a minute brings an order back as often.
        yield return (options.Name, new() { ["x-queue-type"] = "quorum", ["x-delivery-limit"] = 1_000_000 });
        yield return (Unreadable(options), new() { ["x-queue-type"] = "quorum", ["x-max-length"] = 10_000 });
    }
}
