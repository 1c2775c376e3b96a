using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Serving;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Diagnosis;

[Collection(SharedBroker.Name)]
public sealed class QueueCheckTests(SharedBroker.Running shared)
{
    [Fact]
    public async Task A_broker_that_takes_orders_is_found_well()
    {
        var stop = TestContext.Current.CancellationToken;
        using var folder = new TempFolder();
        var settings = new ServingSettings("http://127.0.0.1:0", null, folder.Path, null, 1, false, shared.Broker.Url);
        await using var ground = Ground.Open(settings);

        var finding = Assert.Single(await QueueCheck.ExamineAsync(ground, stop).ToListAsync(stop));

        Assert.True(finding.Level is FindingLevel.Ok, finding.Detail);
        Assert.Contains($"{shared.Broker.Port}", finding.Detail, StringComparison.Ordinal);
    }
}
