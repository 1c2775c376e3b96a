namespace TestGrid.Tests.Support;

/// <summary>One broker for all tests that want one; they take turns, for some of them kill it.</summary>
[CollectionDefinition(Name)]
public sealed class SharedBroker : ICollectionFixture<SharedBroker.Running>
{
    public const string Name = "broker";

    public sealed class Running : IAsyncLifetime
    {
        public RabbitBroker Broker { get; } = new();

        public async ValueTask InitializeAsync() => await Broker.StartAsync(TestContext.Current.CancellationToken);

        public ValueTask DisposeAsync() => Broker.DisposeAsync();
    }
}
