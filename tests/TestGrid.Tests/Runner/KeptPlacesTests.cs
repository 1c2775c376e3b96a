using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Builds;
using TestGrid.Runner;
using TestGrid.Tests.Core.Jobs;

namespace TestGrid.Tests.Runner;

public sealed class KeptPlacesTests
{
    [Fact]
    public async Task Nothing_is_kept_of_a_fork_nor_where_the_operator_keeps_none()
    {
        await using var half = Make(TimeSpan.FromMinutes(30), 2);
        await using var none = Make(TimeSpan.Zero, 2);
        await using var noRoom = Make(TimeSpan.FromMinutes(30), 0);
        var order = ScriptRun.Order(ScriptRun.Config("script: true\n"));
        var fork = order with
        {
            Trigger = order.Trigger with
            {
                PullRequest = new PullRequest(7, "master", "b", "h", "head", "eve/it", IsFork: true),
            },
        };

        Assert.True(half.Wants(order));
        Assert.False(half.Wants(fork));
        Assert.False(none.Wants(order));
        Assert.False(noRoom.Wants(order));
        Assert.False(half.TryEnter(order.Id, out _));
    }

    private static KeptPlaces Make(TimeSpan keep, int most) =>
        new(
            Options.Create(new RunnerOptions { KeepFailed = keep, KeepFailedAtMost = most }),
            TimeProvider.System,
            NullLogger<KeptPlaces>.Instance
        );
}
