using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Server.Store;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Planning;

public sealed class PostponedPlanTests : IAsyncDisposable
{
    private readonly FakeTimeProvider time = new();
    private readonly TestStore store;

    public PostponedPlanTests() => store = new TestStore(time);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task A_repository_that_is_away_is_tried_again_later_and_says_so_meanwhile()
    {
        var (repository, _) = (await store.Repositories.AddAsync("local", "us/them", "/srv/them", Stop))!.Value;
        var build = await store.Builds.AddAsync(new BuildRequest(repository.Id, Some.Trigger()), Stop);

        await store.Builds.PostponeAsync(build, TimeSpan.FromSeconds(5), "it does not answer", Stop);

        Assert.Null(store.Builds.NextUnplanned([]));
        Assert.Equal("it does not answer", store.Views.Build(build)!.Build.Sentence);
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(1, store.Builds.NextUnplanned([])!.Tries);
    }

    [Fact]
    public async Task A_plan_kept_twice_is_one_plan()
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2")));
        var plan = new BuildPlan(Some.Commit(), ".testgrid.yml", [], [], false, [Some.Order(3, build)]);

        Assert.False(await store.Builds.PlanAsync(build, plan, Stop));

        Assert.Equal(2, store.Views.Build(build)!.Jobs.Length);
    }

    [Fact]
    public async Task A_build_whose_every_job_is_impossible_is_over_at_once()
    {
        var impossible = new JobImpossible(JobReason.NoPlatform, "no runner has macOS");
        var build = await store.AddBuildAsync(
            Some.Grid(Some.Config("1", impossible: impossible), Some.Config("2", impossible: impossible))
        );

        var detail = store.Views.Build(build)!;
        Assert.Equal((BuildState.Errored, "2 of 2 jobs errored"), (detail.Build.State, detail.Build.Sentence));
    }
}
