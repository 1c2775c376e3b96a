using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Core.Jobs;
using TestGrid.Tests.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

/// <summary>
/// The jobs that Travis's own script ran, run by the whole runner: a sandbox over the base bundle, a checkout, the
/// script, its output through the pump, the verdict.
/// </summary>
[Trait("Slow", "true")]
public sealed class TravisInSandboxTests(ITestOutputHelper output)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Jobs_end_and_read_as_on_Travis(bool tty)
    {
        Corpora.Need("travis/behaviour.json");
        await using var runs = new Runs(tty);

        await TravisBehaviourTests.CompareAsync(runs.RunAsync, output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Phases_run_and_fail_as_on_Travis(bool tty)
    {
        Corpora.Need("travis/phase-semantics.jsonl.gz");
        await using var runs = new Runs(tty);

        await PhaseSemanticsTests.CompareAsync(runs.RunAsync, output, tty);
    }

    /// <summary>A runner of this machine, and a folder with nothing in it to run in.</summary>
    private sealed class Runs : IAsyncDisposable
    {
        private readonly TempFolder folder = new();
        private readonly bool tty;
        private readonly ISandboxEngine engine;
        private readonly WorkingFolder files;
        private readonly JobRunner runner;

        public Runs(bool tty)
        {
            this.tty = tty;
            var state = Path.Combine(folder.Path, "state");
            engine = NativeSandboxEngineContract.CreateAt(new SandboxOptions { StatePath = state, PreparedPods = 0 });
            var git = Options.Create(new GitOptions { RootPath = Path.Combine(folder.Path, "git") });
            files = new WorkingFolder(
                Directory.CreateDirectory(Path.Combine(folder.Path, "files")).FullName,
                git,
                TimeProvider.System
            );
            var options = new RunnerOptions
            {
                Name = "behaviour",
                StatePath = Path.Combine(folder.Path, "runner"),
                Network = SandboxNetwork.None,
            };
            var ground = new JobGround(
                Options.Create(options),
                Options.Create(new BundleOptions { RootPath = folder.Path }),
                git
            );
            runner = new JobRunner(
                ground,
                new JobPlaces(
                    ground,
                    TestBundles.Store,
                    TestBundles.JobsOf(TestBundles.Store),
                    files,
                    engine,
                    TimeProvider.System
                ),
                new LeavingPlaces(ground, NullLogger<LeavingPlaces>.Instance),
                new KeptPlaces(
                    Options.Create(new RunnerOptions()),
                    TimeProvider.System,
                    NullLogger<KeptPlaces>.Instance
                ),
                TimeProvider.System,
                NullLogger<JobRunner>.Instance
            );
        }

        public async Task<ScriptRun> RunAsync(JobOrder order)
        {
            order = order with { Config = order.Config with { Bundle = "base", Tty = tty } };
            var told = new Told();
            var claim = new JobClaim(
                new JobLease(order.Id, 1, "x"),
                TimeSpan.FromMinutes(1),
                ImmutableSortedDictionary<string, string>.Empty,
                null
            );
            using var ending = new Ending(order.Limits, TimeProvider.System, Stop);
            var cause = await runner.RunAsync(order, claim, told, ending);
            var verdict = Assert.IsType<EndingCause.Judged>(cause).Verdict;
            return new ScriptRun(verdict, told.Script, []);
        }

        public async ValueTask DisposeAsync()
        {
            await files.DisposeAsync();
            await ((IAsyncDisposable)engine).DisposeAsync();
            folder.Dispose();
        }
    }

    /// <summary>Keeps what the runner tells.</summary>
    private sealed class Told : IJobReporter
    {
        private readonly ArrayBufferWriter<byte> log = new();

        /// <summary>The log without what the runner says before and after the script.</summary>
        public string Script
        {
            get
            {
                var text = Encoding.UTF8.GetString(log.WrittenSpan);
                text = text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
                var end = text.LastIndexOf("\r\n\e[3", StringComparison.Ordinal);
                // A terminal ends its lines in its own way.
                return (end < 0 ? text : text[..end]).Replace("\r\n", "\n", StringComparison.Ordinal);
            }
        }

        public ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop)
        {
            if (happened is OutputWritten(var offset, var bytes))
            {
                Assert.Equal(log.WrittenCount, offset);
                log.Write(bytes.Span);
            }

            return ValueTask.FromResult(JobWish.CarryOn);
        }

        public ValueTask<BundleDigest?> DecideBundleAsync(
            JobLease lease,
            string? service,
            BundleDigest mine,
            CancellationToken stop
        ) => ValueTask.FromResult<BundleDigest?>(mine);

        public ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop) =>
            throw new NotSupportedException();

        public ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop) =>
            ValueTask.FromResult(JobWish.CarryOn);

        public ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop) => ValueTask.CompletedTask;

        public ValueTask ReleaseAllAsync(string runner, CancellationToken stop) => ValueTask.CompletedTask;
    }
}
