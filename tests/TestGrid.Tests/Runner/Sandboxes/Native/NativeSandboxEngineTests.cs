using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Runner.Sandboxes.Docker;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>The native engine, with our own launcher.</summary>
public sealed class LauncherSandboxEngineTests : NativeSandboxEngineContract
{
    protected override string Runtime => "launcher";

    // It is one program, and not to be exchanged: it starts as quickly as it does.
    protected override Task<string> SlowRuntimeAsync() => Task.FromResult(Runtime);
}

/// <summary>The native engine, with crun.</summary>
public sealed class CrunSandboxEngineTests : NativeSandboxEngineContract
{
    protected override string Runtime => "crun";
}

/// <summary>The native engine, with runc.</summary>
public sealed class RuncSandboxEngineTests : NativeSandboxEngineContract
{
    protected override string Runtime => "runc";

    // The terminal is made by `script` there, which nobody tells.
    protected override bool FollowsWindows => false;
}

/// <summary>What the native engine keeps beside the contract, whichever runtime it has.</summary>
public abstract partial class NativeSandboxEngineContract : SandboxContract
{
    protected override int FirstId => new SandboxOptions().FirstId;

    protected abstract string Runtime { get; }

    protected override string? Uncapped =>
        ControlGroups.Find().Any ? null : "This user may not make control groups here.";

    private string StatePath => Path.Combine(Folder.Path, "state");

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task A_runner_killed_in_the_middle_leaves_no_process_and_the_next_one_sweeps_the_rest(int jobs)
    {
        var word = NewWord();
        using var host = SandboxHost.Start(StatePath, Runtime, word, jobs);
        await UntilAsync(
            () => host.HasExited || CountProcesses(SandboxHost.Started(word)) >= 3 * jobs,
            "the host's sandboxes did not start"
        );
        Assert.False(host.HasExited);
        var groups = NotedGroups();
        Assert.Equal(Uncapped is null, groups.Count > 0);
        // What a living runner has is not to be swept.
        await Engine.SweepAsync(Stop);
        Assert.Equal(3 * jobs, CountProcesses(SandboxHost.Started(word)));
        Assert.InRange(CountWithMounts(), jobs, int.MaxValue);

        var killed = TimeProvider.System.GetTimestamp();
        host.Kill();

        await UntilAsync(() => CountProcesses(word) == 0, "a process outlived its runner");
        var took = TimeProvider.System.GetElapsedTime(killed);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{jobs} jobs ended {took.TotalMilliseconds:0} ms after their runner"
        );
        await host.WaitForExitAsync(Stop);
        await UntilAsync(
            () => CountProcesses(StatePath) == 0 && NetworkPrograms(groups) == 0,
            "a helper outlived its runner"
        );
        await Engine.SweepAsync(Stop);
        Assert.Empty(Directory.EnumerateDirectories(StatePath));
        Assert.DoesNotContain(groups, Directory.Exists);
        // A mount lives in a namespace, and that by its processes. (The number of one that is gone means another soon.)
        await UntilAsync(() => CountWithMounts() == 0, "a mount outlived its runner");
    }

    [Fact]
    public async Task A_command_asked_to_end_while_its_runtime_still_starts_ends_when_it_is_there()
    {
        var slow = await SlowRuntimeAsync();
        await using var engine = CreateAt(new SandboxOptions { StatePath = StatePath, Runtime = slow });
        await using var sandbox = await engine.CreateAsync(Spec(SandboxNetwork.None), Stop);
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var pipe = new System.IO.Pipelines.Pipe();

        var running = sandbox.RunAsync(Command(["sleep", "100"]), pipe.Writer, ask.Token).AsTask();
        await ask.CancelAsync();

        Assert.Equal(143, (await running.WaitAsync(TimeSpan.FromSeconds(30), Stop)).ExitCode);
    }

    [Fact]
    public async Task The_doctor_finds_this_machine_fit()
    {
        await using var engine = CreateAt(Settings());

        var facts = await new NativeSandboxFacts(engine, Settings())
            .ExamineAsync(Bundle.RootPath, Stop)
            .ToListAsync(Stop);

        Assert.All(facts, fact => Assert.True(fact.Ok || !fact.Needed, $"{fact.What}: {fact.Detail}"));
        Assert.Equal(Uncapped is null, facts.All(fact => fact.Ok));
        Assert.Equal(Runtime == "launcher" ? 9 : 10, facts.Count);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_strangers_job_runs_only_where_its_memory_has_a_limit_or_the_operator_says_so()
    {
        var settings = Settings();
        await using var engine = CreateAt(settings);
        var spec = Spec(SandboxNetwork.None) with { IsStrangers = true };
        if (Uncapped is not null)
        {
            var failed = await Assert.ThrowsAsync<SandboxException>(async () => await engine.CreateAsync(spec, Stop));
            var facts = await new NativeSandboxFacts(engine, settings).ExamineAsync(null, Stop).ToListAsync(Stop);

            Assert.Contains("Delegate=memory", failed.Message, StringComparison.Ordinal);
            Assert.Contains(facts, fact => fact.Detail.EndsWith("jobs of forks are refused", StringComparison.Ordinal));
            AssertNothingLeft();
            settings.StrangersUnlimited = true;
        }

        await using var sandbox = await engine.CreateAsync(spec, Stop);
        Assert.Equal(0, (await BashAsync(sandbox, "true")).Exit.ExitCode);
    }

    [Fact]
    public async Task A_runtime_that_is_not_there_is_an_error_with_its_remedy()
    {
        var settings = new SandboxOptions { StatePath = StatePath, Runtime = "/no/such/runtime" };
        await using var engine = CreateAt(settings);

        var failed = await Assert.ThrowsAsync<SandboxException>(async () =>
            await engine.CreateAsync(
                new SandboxSpec("1.1-1", Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None),
                Stop
            )
        );
        var facts = await new NativeSandboxFacts(engine, settings).ExamineAsync(null, Stop).ToListAsync(Stop);

        Assert.Contains("apt-get install", failed.Message, StringComparison.Ordinal);
        Assert.Contains(facts, fact => !fact.Ok && fact.Remedy == "apt-get install crun");
        AssertNothingLeft();
    }

    /// <summary>The runtime, so that it takes a second to start.</summary>
    protected virtual async Task<string> SlowRuntimeAsync()
    {
        File.SetUnixFileMode(Folder.Path, (UnixFileMode)0b111_101_101); // the pod's root is a stranger
        var slow = Path.Combine(Folder.Path, Runtime + "-slow");
        await File.WriteAllTextAsync(slow, $"#!/bin/sh\nsleep 1\nexec {Runtime} \"$@\"\n", Stop);
        File.SetUnixFileMode(slow, (UnixFileMode)0b111_101_101);
        return slow;
    }

    protected override ISandboxEngine Create() => CreateAt(Settings());

    private SandboxOptions Settings(int preparedPods = 0) =>
        new()
        {
            StatePath = StatePath,
            Runtime = Runtime,
            PreparedPods = preparedPods,
        };

    internal static NativeSandboxEngine CreateAt(SandboxOptions options) =>
        new(Options.Create(options), TimeProvider.System, NullLogger<NativeSandboxEngine>.Instance);

    protected override void AssertNothingLeft()
    {
        Directory.CreateDirectory(StatePath); // a refusal may come before there is one
        Assert.Empty(Directory.EnumerateDirectories(StatePath).SelectMany(Directory.EnumerateDirectories));
        Assert.Equal(0, CountProcesses(StatePath));
        Assert.DoesNotContain(StatePath, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    private string[] Pods() =>
        Directory.Exists(StatePath)
            ? [.. Directory.EnumerateDirectories(StatePath, "pod-*", SearchOption.AllDirectories)]
            : [];

    // Processes that see a mount of our sandboxes, in whichever namespace.
    private int CountWithMounts() =>
        Processes("")
            .Count(process =>
            {
                try
                {
                    return File.ReadAllText($"/proc/{process}/mountinfo").Contains(StatePath, StringComparison.Ordinal);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return false; // it ended
                }
            });

    private List<string> NotedGroups() =>
        [.. Directory.EnumerateFiles(StatePath, "cgroups", SearchOption.AllDirectories).SelectMany(File.ReadAllLines)];

    private static int NetworkPrograms(IEnumerable<string> groups) =>
        groups.Where(Directory.Exists).Sum(group => File.ReadLines(group + "/cgroup.procs").Count());
}

/// <summary>
/// A runner of its own to be killed: the test program again, told to run this one test, which no other run does.
/// </summary>
public sealed class SandboxHost
{
    private const string Variable = "TESTGRID_TEST_SANDBOX_HOST";

    [Fact(Explicit = true)]
    public async Task Keeps_a_sandbox_running_until_it_is_killed()
    {
        var stop = TestContext.Current.CancellationToken;
        var words = Environment.GetEnvironmentVariable(Variable)!.Split('|');
        using var lease = TestBundles.Given is null ? await TestBundles.BaseAsync(stop) : null;
        var bundle = TestBundles.Given ?? lease!.Bundle;
        ISandboxEngine engine = words[1].StartsWith("unix:", StringComparison.Ordinal)
            ? DockerSandboxEngineTests.CreateAt(words[1], words[0])
            : NativeSandboxEngineContract.CreateAt(new SandboxOptions { StatePath = words[0], Runtime = words[1] });
        var spec = new SandboxSpec("1.1-1", bundle.RootPath, [], JobLimits.Default, SandboxNetwork.Egress)
        {
            Digest = bundle.Digest,
            Services = [new SandboxService("side", bundle.RootPath) { Digest = bundle.Digest, Sockets = "/run/side" }],
        };
        var script = $"trap '' TERM; setsid bash -c 'exec -a {words[2]} sleep 1000' & exec -a {words[2]} sleep 1000";
        var command = new SandboxCommand(
            ["bash", "-c", "eval \"$SCRIPT\""],
            System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("SCRIPT", script),
            "/"
        );
        var beside = command with { Env = command.Env.SetItem("SCRIPT", $"exec -a {words[2]} sleep 1000") };
        await Task.WhenAll(
            Enumerable
                .Range(1, int.Parse(words[3], null))
                .Select(async cell =>
                {
                    var sandbox = await engine.CreateAsync(spec with { Name = $"1.{cell}-1" }, stop);
                    _ = sandbox.ServeAsync("side", beside, System.IO.Pipelines.PipeWriter.Create(Stream.Null)).AsTask();
                    await sandbox.RunAsync(command, System.IO.Pipelines.PipeWriter.Create(Stream.Null), stop);
                })
        );
    }

    /// <summary>
    /// What stands on the command line of each of them once it sleeps. (The shells before it have the word there too,
    /// and a program has no command line at all while another takes its place.)
    /// </summary>
    internal static string Started(string word) => $"{word}\01000";

    /// <param name="statePath">The engine's folder.</param>
    /// <param name="runtime">The native engine's runtime, or the address of a Docker daemon.</param>
    /// <param name="word">Stands on the command lines of the three processes of each job, one of them a service's.</param>
    /// <param name="jobs">How many it runs at once.</param>
    internal static Process Start(string statePath, string runtime, string word, int jobs = 1)
    {
        var start = new ProcessStartInfo(
            Environment.ProcessPath!,
            [
                "-method",
                $"{typeof(SandboxHost).FullName}.{nameof(Keeps_a_sandbox_running_until_it_is_killed)}",
                "-explicit",
                "only",
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Variable] = $"{statePath}|{runtime}|{word}|{jobs}";
        return Process.Start(start)!;
    }
}
