using System.Diagnostics;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>Pods that wait for a job that is not known yet.</summary>
public abstract partial class NativeSandboxEngineContract
{
    [Fact]
    public async Task A_pod_made_in_advance_is_used_once_and_ends_with_its_engine()
    {
        await using (var engine = CreateAt(Settings(preparedPods: 1)))
        {
            var spec = new SandboxSpec("1.1-1", Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None);
            await (await engine.CreateAsync(spec, Stop)).DisposeAsync();
            await UntilAsync(() => Pods().Length == 1, "no pod was made in advance");
            var waiting = Pods().Single();

            await using (var first = await engine.CreateAsync(spec, Stop))
            {
                await BashAsync(first, "touch /tmp/mark");
                Assert.Contains(waiting, Pods());
            }
            Assert.DoesNotContain(waiting, Pods());
            await UntilAsync(() => Pods().Length == 1, "no further pod was made");
            await using var second = await engine.CreateAsync(spec, Stop);
            Assert.Equal("", (await BashAsync(second, "ls /tmp")).Said);
        }

        AssertNothingLeft();
    }

    [Fact]
    public async Task A_pod_that_died_while_it_waited_is_not_used()
    {
        await using var engine = await WithOneWaitingAsync(SandboxNetwork.None);
        var waiting = Pods().Single();
        KillProcesses(StatePath);
        await UntilAsync(() => CountProcesses(StatePath) == 0, "it did not die");

        await using var sandbox = await engine.CreateAsync(Spec(SandboxNetwork.None), Stop);

        Assert.Equal(0, (await BashAsync(sandbox, "true")).Exit.ExitCode);
        Assert.DoesNotContain(waiting, Pods());
    }

    [Fact]
    public async Task A_pod_that_lost_its_network_while_it_waited_is_not_used()
    {
        await using var engine = await WithOneWaitingAsync(SandboxNetwork.Egress);
        var waiting = Pods().Single();
        foreach (var process in Processes(StatePath))
            KillProcesses($"/proc/{process}/ns/net"); // a word of slirp4netns'
        await UntilAsync(() => engine.WholePods == 0, "its network still lives");
        Assert.NotEqual(0, CountProcesses(StatePath));

        await using var sandbox = await engine.CreateAsync(Spec(SandboxNetwork.Egress), Stop);

        Assert.Equal("lo\ntap0\n", (await BashAsync(sandbox, "ls /sys/class/net")).Said);
        Assert.DoesNotContain(waiting, Pods());
    }

    [Fact]
    public async Task A_pod_whose_folder_was_cleaned_away_is_not_used()
    {
        await using var engine = await WithOneWaitingAsync(SandboxNetwork.None);
        foreach (var file in Directory.GetFiles(Pods().Single()))
            File.Delete(file);

        await using var sandbox = await engine.CreateAsync(Spec(SandboxNetwork.None), Stop);

        Assert.Equal(0, (await BashAsync(sandbox, "true")).Exit.ExitCode);
    }

    [Fact]
    public async Task An_engine_that_ends_while_it_makes_pods_leaves_none_and_makes_no_more()
    {
        var engine = CreateAt(Settings(preparedPods: 4));
        await (await engine.CreateAsync(Spec(SandboxNetwork.None), Stop)).DisposeAsync();
        await UntilAsync(() => Pods().Length > 0, "no pod is being made");

        await engine.DisposeAsync();

        AssertNothingLeft();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            await engine.CreateAsync(Spec(SandboxNetwork.None), Stop)
        );
        AssertNothingLeft();
    }

    [Fact]
    public async Task What_waits_holds_nothing_of_a_job_and_little_memory()
    {
        await using var engine = await WithOneWaitingAsync(SandboxNetwork.None);
        var pod = Pods().Single();
        var files = Directory.EnumerateFiles(pod).Select(Path.GetFileName).Order(StringComparer.Ordinal);
        var inside = Processes(StatePath);

        Assert.Equal(Uncapped is null ? ["cgroups", "filter"] : ["filter"], files);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pod + "/t"));
        Assert.NotEmpty(inside);
        foreach (var process in inside)
        {
            Assert.StartsWith("PATH=", File.ReadAllText($"/proc/{process}/environ"), StringComparison.Ordinal);
            Assert.DoesNotContain(
                Bundle.RootPath,
                File.ReadAllText($"/proc/{process}/mountinfo"),
                StringComparison.Ordinal
            );
        }
        Assert.All(NotedGroups(), group => Assert.InRange(Number(group, "memory.usage_in_bytes"), 0, 32 << 20));
        Assert.All(NotedGroups(), group => Assert.InRange(Number(group, "memory.current"), 0, 32 << 20));
    }

    private static long Number(string group, string file) =>
        File.Exists($"{group}/{file}") ? long.Parse(File.ReadAllText($"{group}/{file}"), null) : 0;

    private SandboxSpec Spec(SandboxNetwork network) => new("1.1-1", Bundle.RootPath, [], JobLimits.Default, network);

    private async Task<NativeSandboxEngine> WithOneWaitingAsync(SandboxNetwork network)
    {
        var engine = CreateAt(Settings(preparedPods: 1));
        await (await engine.CreateAsync(Spec(network), Stop)).DisposeAsync();
        await UntilAsync(() => engine.WholePods == 1, "no pod was made in advance");
        return engine;
    }

    private static void KillProcesses(string word)
    {
        foreach (var process in Processes(word))
        {
            try
            {
                Process.GetProcessById(process).Kill();
            }
            catch (ArgumentException) { } // it went with another
        }
    }
}
