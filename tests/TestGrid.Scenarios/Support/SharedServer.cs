namespace TestGrid.Scenarios.Support;

/// <summary>One running program for the tests of a class.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    private readonly TempFolder data = new();

    internal TestGridProcess Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Server = await TestGridProcess.StartAsync(data.Path, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        data.Dispose();
    }
}
