using CsCheck;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Store.Sqlite;

public sealed class MovesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Everything that anybody does to a job, in any order: also what comes late, twice, or to the wrong one.</summary>
    private enum Act
    {
        Enqueue,
        Claim,
        Renew,
        Start,
        Pass,
        Fail,
        PassLate,
        Cancel,
        CancelBuild,
        Lose,
        Release,
        Stray,
    }

    [Fact]
    public async Task Nothing_leaves_a_final_state_whatever_happens_in_whatever_order()
    {
        var time = new FakeTimeProvider();
        await using var store = new TestStore(time);
        Gen.Select(Gen.Enum<Act>(), Gen.Int[1, 2])
            .Array[1, 25]
            .Each(acts => PlayAsync(store, time, acts).GetAwaiter().GetResult(), 150);
    }

    [Theory]
    [InlineData("UPDATE jobs SET state = 'waiting', finished_at = NULL")]
    [InlineData("UPDATE jobs SET state = 'failed'")]
    [InlineData("UPDATE builds SET state = 'running', finished_at = NULL")]
    public async Task The_database_itself_refuses_a_statement_that_forgot_to_say_from_where(string sql)
    {
        await using var store = new TestStore(new FakeTimeProvider());
        var build = await store.AddBuildAsync(Some.Grid(Some.Config()));
        var lease = (await store.Recorder.ClaimAsync(new JobId(build, 1), "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new JobFinished(Some.Passed), Stop);

        await Assert.ThrowsAsync<SqliteException>(() => store.Database.WriteAsync(db => db.Execute(sql), Stop));
    }

    [Theory]
    [InlineData("UPDATE jobs SET state = 'lost'")]
    [InlineData("UPDATE jobs SET state = 'running'")] // without a lease
    [InlineData("UPDATE jobs SET state = 'passed'")] // without an end
    [InlineData("UPDATE builds SET state = 'queued'")]
    public async Task A_state_that_there_is_not_does_not_get_in(string sql)
    {
        await using var store = new TestStore(new FakeTimeProvider());
        await store.AddBuildAsync(Some.Grid(Some.Config()));

        await Assert.ThrowsAsync<SqliteException>(() => store.Database.WriteAsync(db => db.Execute(sql), Stop));
    }

    [Fact]
    public void No_move_begins_in_a_final_state_and_every_state_is_reached()
    {
        Assert.DoesNotContain(JobMove.All, move => move.From.Any(state => state.IsFinal));
        Assert.DoesNotContain(BuildMove.All, move => move.From.Any(state => state.IsFinal));
        Assert.Equal(Enum.GetValues<JobState>(), JobMove.All.Select(move => move.To).Distinct().Order());
        Assert.Equal(
            Enum.GetValues<BuildState>().Where(state => state is not BuildState.Waiting),
            BuildMove.All.Select(move => move.To).Distinct().Order()
        );
    }

    private static async Task PlayAsync(TestStore store, FakeTimeProvider time, (Act Act, int Cell)[] acts)
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2")));
        var leases = new Dictionary<int, List<JobLease>> { [1] = [], [2] = [] };
        var ended = new Dictionary<int, JobState>();
        foreach (var (act, cell) in acts)
        {
            await DoAsync(store, time, new JobId(build, cell), act, leases[cell]);
            var detail = store.Views.Build(build)!;
            foreach (var job in detail.Jobs)
            {
                if (ended.TryGetValue(job.Cell, out var final))
                    Assert.Equal(final, job.State);
                else if (job.State.IsFinal)
                    ended[job.Cell] = job.State;
                Assert.Equal(job.State.IsFinal, job.FinishedAt is not null);
            }
            Assert.Equal(ended.Count == 2, detail.Build.State.IsFinal); // the build is over when both are, and not before
        }
    }

    private static async Task DoAsync(TestStore store, FakeTimeProvider time, JobId job, Act act, List<JobLease> leases)
    {
        var recorder = store.Recorder;
        switch (act)
        {
            case Act.Enqueue:
                await store.Jobs.EnqueuedAsync(job, Stop);
                break;
            case Act.Claim:
                if (await recorder.ClaimAsync(job, "one", Stop) is { } claim)
                    leases.Add(claim.Lease);
                break;
            case Act.Renew when leases.Count > 0:
                await recorder.RenewAsync(leases[^1], Stop);
                break;
            case Act.Start when leases.Count > 0:
                await recorder.ReportAsync(leases[^1], new JobStarted("one", "c", Some.Digest), Stop);
                break;
            case Act.Pass or Act.Fail when leases.Count > 0:
                var verdict = act is Act.Pass ? Some.Passed : Some.Failed;
                await recorder.ReportAsync(leases[^1], new JobFinished(verdict), Stop);
                break;
            case Act.PassLate when leases.Count > 1:
                Assert.Equal(JobWish.Fenced, await recorder.RenewAsync(leases[0], Stop));
                await recorder.ReportAsync(leases[0], new JobFinished(Some.Passed), Stop);
                break;
            case Act.Cancel:
                await recorder.CancelAsync(job, "ada", Stop);
                break;
            case Act.CancelBuild:
                await recorder.CancelBuildAsync(job.Build, "ada", Stop);
                break;
            case Act.Lose:
                time.Advance(store.Leases.Time + TimeSpan.FromSeconds(1));
                await recorder.ReturnExpiredAsync(Stop);
                break;
            case Act.Release when leases.Count > 0:
                await recorder.ReleaseAsync(leases[^1], "the runner stops", Stop);
                break;
            case Act.Stray:
                await store.Leases.RequeueStrayAsync(Stop);
                break;
        }
    }
}
