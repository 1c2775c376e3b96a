using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Git;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Planning;

public sealed class PlannerTests : IAsyncLifetime
{
    private TestServer server = null!;
    private long repository;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        repository = (await server.AddRepositoryAsync()).Repository.Id;
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task A_build_becomes_a_job_for_each_cell()
    {
        var build = await PlannedAsync();

        Assert.Equal((".testgrid.yml", BuildState.Waiting), (build.ConfigFile, build.Build.State));
        Assert.Equal(["env"], build.Axes);
        Assert.Equal(["1.1", "1.2"], build.Jobs.Select(job => job.Id.ToString()));
        Assert.Equal("N=2", Assert.Single(build.Jobs[1].Values).Value);
        var order = server.Get<JobStore>().Order(new JobId(1, 2));
        Assert.Equal(
            (1, "us/them", server.Url.ToString().TrimEnd('/')),
            (order.BuildNumber, order.Repository.Slug, order.PublicUrl)
        );
    }

    [Fact]
    public async Task A_build_runs_on_the_bundle_that_the_server_had_when_it_was_planned()
    {
        server.Commits.Built["c"] = Some.Digest;
        await PlannedAsync();
        server.Commits.Built["c"] = Some.OtherDigest; // built anew meanwhile

        var recorder = server.Get<TestGrid.Server.Recording.Recorder>();
        foreach (var cell in new[] { 1, 2 })
            Assert.Equal(Some.Digest, (await recorder.ClaimAsync(new JobId(1, cell), "one", Stop))!.Bundle);
    }

    [Fact]
    public async Task A_recipe_of_the_repository_without_its_lock_makes_its_jobs_impossible_and_no_others()
    {
        server.Commits.Config = "bundle: [ci/bundle.yml, base]\nscript: make\n";
        server.Commits.Files[$"us/them:ci/bundle.yml@{Some.Sha}"] =
            "bundle: shop\ndebian: { suite: bookworm, packages: [libpq5] }\n";

        var jobs = (await PlannedAsync()).Jobs;

        Assert.Equal((JobState.Errored, JobReason.NoBundle), (jobs[0].State, jobs[0].Reason));
        Assert.Contains(
            "testgrid bundle lock ci/bundle.yml, and commit both",
            jobs[0].Sentence,
            StringComparison.Ordinal
        );
        Assert.Equal(JobState.Waiting, jobs[1].State);
    }

    [Theory]
    [InlineData("the same", false)]
    [InlineData("another recipe", true)]
    [InlineData("another lock", true)]
    [InlineData("nothing", true)]
    public async Task A_forks_own_recipe_is_built_only_where_the_repository_has_the_very_same(
        string onBase,
        bool isRefused
    )
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "runner-images", "run-tools");
        var (recipe, locked) = (
            await File.ReadAllTextAsync(Path.Combine(folder, "recipe.yml"), Stop),
            await File.ReadAllTextAsync(Path.Combine(folder, "lock.json"), Stop)
        );
        server.Commits.Config = "bundle: ci/recipe.yml\nscript: make\n";
        server.Commits.Files[$"us/them:ci/recipe.yml@{Some.Sha}"] = recipe;
        server.Commits.Files[$"us/them:ci/lock.json@{Some.Sha}"] = locked;
        if (onBase != "nothing")
        {
            server.Commits.Files["us/them:ci/recipe.yml@main"] = onBase == "another recipe" ? recipe + "#" : recipe;
            server.Commits.Files["us/them:ci/lock.json@main"] = onBase == "another lock" ? locked + " " : locked;
        }
        var pull = new PullRequest(12, "main", Some.Sha, Some.Sha, "topic", "eve/them", IsFork: true);

        var jobs = (await PlannedAsync(Some.Trigger() with { PullRequest = pull })).Jobs;

        Assert.Equal(isRefused ? JobState.Errored : JobState.Waiting, jobs[0].State);
        if (isRefused)
            Assert.Contains("comes from a fork and changes ci/recipe.yml", jobs[0].Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_configuration_that_asks_for_less_time_gets_less()
    {
        server.Commits.Config = "language: c\nscript: make\nlimits: {time: 2m}\n";

        await PlannedAsync();

        Assert.Equal(TimeSpan.FromMinutes(2), server.Get<JobStore>().Order(new JobId(1, 1)).Limits.Time);
    }

    [Fact]
    public async Task A_problem_in_the_configuration_ends_the_build_and_is_shown_with_its_line()
    {
        server.Commits.Config = "language: c\nscript: [\n";

        var build = await EndedAsync();

        Assert.Equal((BuildState.Errored, JobReason.Config), (build.Build.State, build.Build.Reason));
        Assert.Empty(build.Jobs);
        Assert.NotEmpty(build.Problems);
        Assert.Contains(".testgrid.yml:", build.Build.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_commit_without_a_configuration_says_what_to_add()
    {
        server.Commits.Config = null;

        var build = await EndedAsync();

        Assert.Equal((BuildState.Errored, JobReason.Config), (build.Build.State, build.Build.Reason));
        Assert.Contains(".testgrid.yml", build.Build.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_configuration_that_is_not_read_says_why()
    {
        server.Commits.Refused = ".testgrid.yml is a link: put the file itself there";

        var build = await EndedAsync();

        Assert.Equal((JobReason.Config, server.Commits.Refused), (build.Build.Reason, build.Build.Sentence));
    }

    [Fact]
    public async Task A_vanished_commit_is_an_errored_build_with_the_reason()
    {
        server.Commits.Meet(new CommitGoneException("0123456 is not in us/them any more"));

        var build = await EndedAsync();

        Assert.Equal((BuildState.Errored, JobReason.CommitGone), (build.Build.State, build.Build.Reason));
        Assert.Equal("0123456 is not in us/them any more", build.Build.Sentence);
    }

    [Fact]
    public async Task A_job_that_cannot_run_here_ends_at_once_and_says_why()
    {
        server.Commits.Config = "language: c\nos: [linux, osx]\nscript: make\n";

        var build = await PlannedAsync();

        Assert.Equal([JobState.Waiting, JobState.Errored], build.Jobs.Select(job => job.State));
        Assert.Equal(JobReason.NoPlatform, build.Jobs[1].Reason);
        Assert.Contains("osx", build.Jobs[1].Sentence, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Files_of_another_repository_are_imported_when_it_is_registered_and_allows_it()
    {
        server.Commits.Config = "import: us/shared:c.yml@v1\n";
        server.Commits.Files["us/shared:c.yml@v1"] = "language: c\nscript: make shared\n";

        var unknown = await EndedAsync();
        var shared = (await server.AddRepositoryAsync("/srv/us/shared")).Repository.Id;
        var closed = await EndedAsync();
        Assert.True(await server.Get<RepositoryStore>().ChangeAsync(shared, sharesConfig: true, null, Stop));
        var build = await PlannedAsync();

        Assert.Contains("testgrid repo add", unknown.Build.Sentence, StringComparison.Ordinal);
        Assert.Contains("--share-config on", closed.Build.Sentence, StringComparison.Ordinal);
        Assert.Equal((".testgrid.yml", 1), (closed.Problems[0].File, closed.Problems[0].Line));
        Assert.Single(build.Jobs);
    }

    [Theory]
    [InlineData("branches:\n  only: [release]\n", "branches.only")]
    [InlineData("branches:\n  except: [/^ma/]\n", "branches.except")]
    public async Task A_push_to_a_branch_that_is_left_out_builds_nothing(string branches, string why)
    {
        server.Commits.Config = "language: c\nscript: make\n" + branches;

        var build = await EndedAsync();

        Assert.Equal((BuildState.Cancelled, BuildReason.Branch), (build.Build.State, build.Build.Reason));
        Assert.Contains(why, build.Build.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_asks_by_hand_gets_a_build_of_any_branch()
    {
        server.Commits.Config = "language: c\nscript: make\nbranches:\n  only: [release]\n";

        var build = await server.StartBuildAsync();

        Assert.Single(server.Get<BuildViews>().Build(build)!.Jobs);
    }

    [Fact]
    public async Task A_build_by_hand_learns_its_commit_from_the_repository()
    {
        var build = server.Get<BuildViews>().Build(await server.StartBuildAsync())!.Build;

        Assert.Equal(("main", Some.Sha, "The newest", "Ada"), (build.Branch, build.Sha, build.Title, build.Author));
    }

    [Fact]
    public async Task A_build_cancelled_while_it_is_planned_gets_no_job()
    {
        var gate = new TaskCompletionSource();
        server.Commits.Gate = gate.Task;
        var build = await AddAsync();
        using var answer = await server.Admin.PostAsync($"/api/v1/builds/{build}/cancel", null, Stop);
        gate.SetResult();

        var next = await AddAsync(); // planned after it: one repository's builds are planned in order
        await server.UntilAsync(next, detail => detail.Jobs.Length > 0);

        var detail = server.Get<BuildViews>().Build(build)!;
        Assert.Equal((BuildState.Cancelled, 0), (detail.Build.State, detail.Jobs.Length));
    }

    [Fact]
    public async Task A_slow_repository_holds_up_only_itself()
    {
        var gate = new TaskCompletionSource();
        server.Commits.Gate = gate.Task;
        var slow = await AddAsync();
        var other = (await server.AddRepositoryAsync("/srv/us/others")).Repository.Id;
        server.Commits.Gate = Task.CompletedTask;

        var build = await server.Get<BuildStore>().AddAsync(new BuildRequest(other, Some.Trigger()), Stop);
        server.Get<TestGrid.Server.Stages.Bells>().Unplanned.Ring();

        await server.UntilAsync(build, detail => detail.Jobs.Length > 0);
        gate.SetResult();
        await server.UntilAsync(slow, detail => detail.Jobs.Length > 0);
    }

    private async Task<BuildDetail> PlannedAsync(Trigger? trigger = null) =>
        await server.UntilAsync(await AddAsync(trigger), detail => detail.Jobs.Length > 0);

    private async Task<BuildDetail> EndedAsync() =>
        await server.UntilAsync(await AddAsync(), detail => detail.Build.FinishedAt is not null);

    private async Task<long> AddAsync(Trigger? trigger = null)
    {
        var build = await server
            .Get<BuildStore>()
            .AddAsync(new BuildRequest(repository, trigger ?? Some.Trigger()), Stop);
        server.Get<TestGrid.Server.Stages.Bells>().Unplanned.Ring();
        return build;
    }
}
