using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Layers;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Tests.Core.Jobs;
using TestGrid.Tests.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

/// <summary>Jobs with an app layer, by the whole runner: sandboxes over the base bundle, a store of their own.</summary>
public sealed partial class AppLayerTests : IAsyncLifetime
{
    private const string Yaml = """
        language: generic
        app_layer: true
        env: MODE=full
        before_install:
          - export FLAVOUR=vanilla LIST="a  b"
          - greet() { echo "hello $1"; }
          - plain=kept; array=(one 'two three'); unset MODE
        install:
          - mkdir vendor; cp requirements.txt vendor/lib; echo installing
          - sudo rm /etc/issue; sudo rm -rf /usr/share/doc; sudo mkdir /usr/share/doc; sudo touch /usr/share/doc/mine
          - echo tmp >/tmp/left; (sleep 1000 &) ; shopt -s nullglob; set -o pipefail
          - cd vendor
        before_script: echo "before script in ${PWD##*/}"
        script:
          - greet "$FLAVOUR $LIST $plain ${array[1]} ${MODE:-no mode}"
          - ls . /usr/share/doc; test ! -e /etc/issue && ls *.none && shopt -q nullglob && set -o | grep pipefail
          - pgrep sleep || echo no sleeper
          - cat ../requirements.txt ../code.txt; cat lib
        """;

    private const string Lock = "one==1.0 --hash=sha256:00\n";

    private readonly TempFolder folder = new();
    private readonly ISandboxEngine engine;
    private readonly BundleOptions options;
    private int jobs;

    public AppLayerTests()
    {
        engine = NativeSandboxEngineContract.CreateAt(
            new SandboxOptions { StatePath = Path.Combine(folder.Path, "state"), PreparedPods = 0 }
        );
        options = new BundleOptions { RootPath = Path.Combine(folder.Path, "store"), FreeBytes = 0 };
        Write("requirements.txt", Lock);
        Write("code.txt", "first\n");
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private LayerStore Store => new(Options.Create(options), TimeProvider.System);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await ((IAsyncDisposable)engine).DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task The_second_build_starts_at_script_and_its_script_sees_the_same()
    {
        var first = await RunAsync(Yaml);
        Write("code.txt", "second\n");
        var second = await RunAsync(Yaml);

        Assert.Equal((JobState.Passed, JobState.Passed), (first.Verdict.State, second.Verdict.State));
        Assert.Contains("app layer miss: there was none yet", first.Log, StringComparison.Ordinal);
        var digest = KeptLine.Match(first.Log).Groups[1].Value;
        Assert.Contains($"app layer hit {digest} of job 42.1", second.Log, StringComparison.Ordinal);
        Assert.Contains("installing", first.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("installing", second.Log, StringComparison.Ordinal);
        Assert.Contains("install skipped: app layer", second.Log, StringComparison.Ordinal);
        Assert.Contains("hello vanilla a  b kept two three no mode\n", first.Log, StringComparison.Ordinal);
        Assert.Contains("no sleeper\n", first.Log, StringComparison.Ordinal);
        Assert.Contains("before script in vendor\n", second.Log, StringComparison.Ordinal);
        Assert.Equal(
            FromBeforeScript(first.Log).Replace("first\n", "second\n", StringComparison.Ordinal),
            FromBeforeScript(second.Log)
        );
        Assert.DoesNotContain(second.Phases, phase => phase is "install" or "before_install");
    }

    [Fact]
    public async Task What_changed_makes_a_new_layer_and_the_log_names_it()
    {
        await RunAsync(Yaml);

        Write("requirements.txt", Lock + "two==2.0 --hash=sha256:11\n");
        var changed = await RunAsync(Yaml);
        var commands = await RunAsync(Yaml.Replace("echo installing", "echo differently", StringComparison.Ordinal));
        var env = await RunAsync(Yaml.Replace("MODE=full", "MODE=half", StringComparison.Ordinal));
        Write("requirements.txt", Lock);
        var back = await RunAsync(Yaml);

        Assert.Contains("app layer miss: requirements.txt changed\n", changed.Log, StringComparison.Ordinal);
        Assert.Contains("kept sha256:", changed.Log, StringComparison.Ordinal);
        Assert.Contains("miss: before_install or install changed\n", commands.Log, StringComparison.Ordinal);
        Assert.Contains("the environment changed", env.Log, StringComparison.Ordinal);
        Assert.Contains("app layer hit", back.Log, StringComparison.Ordinal);
        Assert.All([changed, commands, env, back], run => Assert.Equal(JobState.Passed, run.Verdict.State));
    }

    [Fact]
    public async Task Without_the_key_a_lock_or_an_engine_that_can_there_is_none_and_the_job_runs_as_ever()
    {
        var without = await RunAsync(Yaml.Replace("app_layer: true", "app_layer: false", StringComparison.Ordinal));
        Write("requirements.txt", "one==1.0\n");
        var unlocked = await RunAsync(Yaml);
        var missing = await RunAsync(
            Yaml.Replace("app_layer: true", "app_layer: {lock: web/x.lock}", StringComparison.Ordinal)
        );

        Assert.DoesNotContain("app layer", without.Log, StringComparison.Ordinal);
        Assert.Contains(
            "app layer off: no lock file at the repository's top level",
            unlocked.Log,
            StringComparison.Ordinal
        );
        Assert.Contains("requirements.txt has no --hash=", unlocked.Log, StringComparison.Ordinal);
        Assert.Contains(
            "app layer off: web/x.lock is no file of the repository",
            missing.Log,
            StringComparison.Ordinal
        );
        Assert.All([without, unlocked, missing], run => Assert.Equal(JobState.Passed, run.Verdict.State));
        Assert.Empty(Store.List());
    }

    [Fact]
    public async Task A_fork_uses_the_repositorys_layer_and_makes_none_that_the_repository_uses()
    {
        var evil = Yaml.Replace(
            "echo installing",
            "echo installing; echo evil | sudo tee /opt/evil",
            StringComparison.Ordinal
        );
        var poison = await RunAsync(evil, fork: "mallory/name");
        var own = await RunAsync(evil);
        var reads = await RunAsync(evil, fork: "trent/name");
        var again = await RunAsync(evil, fork: "mallory/name");

        Assert.Contains("kept sha256:", poison.Log, StringComparison.Ordinal);
        Assert.Contains("app layer miss", own.Log, StringComparison.Ordinal);
        Assert.Contains("installing", own.Log, StringComparison.Ordinal);
        var digest = KeptLine.Match(own.Log).Groups[1].Value;
        Assert.Contains($"app layer hit {digest}", reads.Log, StringComparison.Ordinal);
        Assert.Contains(
            $"app layer hit {KeptLine.Match(poison.Log).Groups[1].Value}",
            again.Log,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_layer_made_beside_secrets_is_no_forks_and_one_that_holds_a_secret_is_not_kept()
    {
        var secrets = ImmutableSortedDictionary<string, string>.Empty.Add("TOKEN", "hunter2-and-more");
        var beside = await RunAsync(Yaml, secrets: secrets);
        var fork = await RunAsync(Yaml, fork: "mallory/name");
        var leaks = Yaml.Replace("echo installing", "echo \"t=$TOKEN\" >~/.npmrc", StringComparison.Ordinal);
        var leaky = await RunAsync(leaks, secrets: secrets);

        Assert.Contains("kept sha256:", beside.Log, StringComparison.Ordinal);
        Assert.Contains("app layer miss", fork.Log, StringComparison.Ordinal);
        Assert.Contains(
            "not kept: a file that install made holds a secret's value",
            leaky.Log,
            StringComparison.Ordinal
        );
        Assert.Equal(JobState.Passed, leaky.Verdict.State);
    }

    [Theory]
    [InlineData("echo more >>code.txt", "install changes code.txt")]
    [InlineData("rm code.txt; touch x", "install changes code.txt")]
    [InlineData("sed -i s/one/two/ requirements.txt", "install changes requirements.txt")]
    [InlineData("head -c 9M /dev/urandom >big", "it is larger than 8 MiB")]
    public async Task A_layer_that_would_hide_the_next_commit_or_is_too_large_is_not_kept(string install, string why)
    {
        options.LayerMaxBytes = 8 << 20;
        var run = await RunAsync($"language: generic\napp_layer: true\ninstall: {install}\nscript: 'true'\n");

        Assert.Contains($"not kept: {why}", run.Log, StringComparison.Ordinal);
        Assert.Equal(JobState.Passed, run.Verdict.State);
        Assert.Empty(Store.List());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(options.RootPath, "layers/tmp")));
    }

    [Fact]
    public async Task With_the_docker_engine_there_is_none_and_the_log_says_so()
    {
        await using var docker = new DockerSandboxEngine(
            Options.Create(new SandboxOptions { StatePath = Path.Combine(folder.Path, "docker") }),
            TimeProvider.System,
            NullLogger<DockerSandboxEngine>.Instance
        );
        await using var bundle = await TestBundles.BaseAsync(Stop);
        var order = ScriptRun.Order(ScriptRun.Config(Yaml, ".testgrid.yml"));
        var claim = new JobClaim(
            new JobLease(order.Id, 1, "x"),
            TimeSpan.FromMinutes(1),
            ImmutableSortedDictionary<string, string>.Empty,
            null
        );

        await using var layer = await new AppLayers(Store).FindAsync(
            order,
            claim,
            Path.Combine(folder.Path, "files"),
            bundle.Bundle,
            docker,
            Stop
        );

        Assert.Equal(("off: engine docker", null), (layer!.Words, layer.Path));
    }

    [Fact]
    public async Task A_hostile_install_makes_a_layer_that_harms_nobody()
    {
        const string Hostile = """
            language: generic
            app_layer: true
            install:
              - sudo cp /bin/bash /opt/rooted; sudo chmod 6755 /opt/rooted
              - sudo mknod /opt/disk b 254 0 || sudo mknod /opt/hole c 0 0 || true
              - ln -s /etc/shadow ~/shadow; ln -s ../../../../../../etc vendor; mkfifo ~/pipe
              - mkdir ~/many; cd ~/many; perl -e 'open my $f, ">", $_ for 1 .. 3000'; cd
              - sudo mv /srv /srv.was; sudo ln -s / /srv; sudo rm -rf /usr/games; sudo ln -s ../../../../.. /usr/games; sudo chmod 000 ~/many
              - printf 'x' >"$(printf 'a\nb\\c %s' "$(printf '\377')")"; setfattr -n user.overlay.redirect -v / ~ 2>/dev/null || true
            script:
              - stat -c %a /opt/rooted; test ! -e /opt/disk; readlink ~/shadow; ls ~ | grep -c many
            """;

        var first = await RunAsync(Hostile);
        var second = await RunAsync(Hostile);

        Assert.Equal((JobState.Passed, JobState.Passed), (first.Verdict.State, second.Verdict.State));
        Assert.Contains("kept sha256:", first.Log, StringComparison.Ordinal);
        Assert.Contains("app layer hit", second.Log, StringComparison.Ordinal);
        Assert.Contains("6755\n/etc/shadow\n1\n", second.Log, StringComparison.Ordinal);
        // Every file of the layer is the sandboxes' range's, and there is no device but what stands for a deleted file.
        using var find = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(
                "find",
                [
                    .. Directory
                        .GetDirectories(Path.Combine(options.RootPath, "layers/trees"))
                        .Select(tree => tree + "/root"),
                    .. "-mindepth 1 ( -uid -100000 -o -uid +165535 -o -type b )".Split(' '),
                ]
            )
            {
                RedirectStandardOutput = true,
            }
        )!;
        Assert.Equal("", await find.StandardOutput.ReadToEndAsync(Stop));
    }

    [Fact]
    public async Task Two_jobs_that_make_the_same_layer_at_once_leave_one()
    {
        var both = await Task.WhenAll(RunAsync(Yaml), RunAsync(Yaml));
        var next = await RunAsync(Yaml);

        Assert.All(both, run => Assert.Equal(JobState.Passed, run.Verdict.State));
        Assert.Single(Store.List());
        Assert.Contains("app layer hit", next.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_install_keeps_nothing_and_ends_as_ever()
    {
        var failing = await RunAsync("language: generic\napp_layer: true\ninstall: 'false'\nscript: echo reached\n");
        var exits = await RunAsync("language: generic\napp_layer: true\ninstall: exit 217\nscript: echo reached\n");

        Assert.Equal((JobState.Errored, 2), (failing.Verdict.State, failing.Verdict.ExitCode));
        Assert.Equal((JobState.Errored, 217), (exits.Verdict.State, exits.Verdict.ExitCode));
        Assert.DoesNotContain("reached\n", FromBeforeScript(failing.Log + exits.Log), StringComparison.Ordinal);
    }

    // Folds, times and colours taken out.
    private static string FromBeforeScript(string log)
    {
        var at = log.IndexOf("$ echo \"before script", StringComparison.Ordinal);
        var end = log.IndexOf("Done. Your build", StringComparison.Ordinal);
        return at < 0 ? log : log[at..end];
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.Combine(folder.Path, "files"));
        File.WriteAllText(Path.Combine(folder.Path, "files", name), text);
    }

    private async Task<Ran> RunAsync(
        string yaml,
        string? fork = null,
        ImmutableSortedDictionary<string, string>? secrets = null
    )
    {
        var git = Options.Create(new GitOptions { RootPath = Path.Combine(folder.Path, "git") });
        await using var files = new WorkingFolder(Path.Combine(folder.Path, "files"), git, TimeProvider.System);
        var runner = new RunnerOptions
        {
            Name = "layers",
            StatePath = Path.Combine(folder.Path, "runner"),
            Network = SandboxNetwork.None,
            KeepFreeBytes = 0,
        };
        var ground = new JobGround(Options.Create(runner), Options.Create(options), git, new AppLayers(Store));
        await using var leaving = new LeavingPlaces(ground, NullLogger<LeavingPlaces>.Instance);
        var jobRunner = new JobRunner(
            ground,
            new JobPlaces(
                ground,
                TestBundles.Store,
                TestBundles.JobsOf(TestBundles.Store),
                files,
                engine,
                TimeProvider.System
            ),
            leaving,
            new KeptPlaces(Options.Create(runner), TimeProvider.System, NullLogger<KeptPlaces>.Instance),
            TimeProvider.System,
            NullLogger<JobRunner>.Instance
        );
        var order = ScriptRun.Order(ScriptRun.Config(yaml, ".testgrid.yml") with { Tty = false });
        order = order with { Id = new JobId(42, ++jobs) };
        if (fork is not null)
            order = order with
            {
                Trigger = order.Trigger with
                {
                    PullRequest = new PullRequest(1, "master", "b", "h", "head", fork, IsFork: true),
                },
            };
        var told = new Told();
        var claim = new JobClaim(
            new JobLease(order.Id, 1, "x"),
            TimeSpan.FromMinutes(1),
            secrets ?? ImmutableSortedDictionary<string, string>.Empty,
            null
        );
        using var ending = new Ending(order.Limits, TimeProvider.System, Stop);
        var cause = await jobRunner.RunAsync(order, claim, told, ending);
        var log = Unseen
            .Replace(Encoding.UTF8.GetString([.. told.Log]), "")
            .Replace("\r", "", StringComparison.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(log);
        return new Ran(Assert.IsType<EndingCause.Judged>(cause).Verdict, log, told.Phases);
    }

    [GeneratedRegex(@"travis_(fold|time):[^\r]*\r|\e\[[0-9;]*[mK]")]
    private static partial Regex Unseen { get; }

    [GeneratedRegex("kept (sha256:[0-9a-f]{64})")]
    private static partial Regex KeptLine { get; }

    private sealed record Ran(JobVerdict Verdict, string Log, IReadOnlyList<string> Phases);

    /// <summary>Keeps what the runner tells.</summary>
    private sealed class Told : IJobReporter
    {
        public List<byte> Log { get; } = [];

        public List<string> Phases { get; } = [];

        public ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop)
        {
            if (happened is OutputWritten(_, var bytes))
                Log.AddRange(bytes.Span);
            if (happened is PhaseFinished phase)
                Phases.Add(phase.Phase);
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
