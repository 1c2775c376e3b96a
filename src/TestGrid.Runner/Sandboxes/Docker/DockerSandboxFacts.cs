using System.Runtime.CompilerServices;
using Docker.DotNet.Models;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>Finds out whether a Docker daemon is here to be used, and what it gives sandboxes. It changes nothing.</summary>
public static class DockerSandboxFacts
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>One fact after the other; the first alone when no daemon answers.</summary>
    /// <param name="options">Where the daemon is.</param>
    /// <param name="stop">Ends it.</param>
    public static async IAsyncEnumerable<SandboxFact> ExamineAsync(
        SandboxOptions options,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        using var daemon = new DockerDaemon(options);
        var (info, problem) = await AskAsync(daemon, stop);
        if (info is null)
        {
            yield return problem!;
            yield break;
        }
        yield return new SandboxFact("a daemon", true, true, $"Docker {info.ServerVersion} at {daemon.Socket}");
        yield return FindLimits(info);
        yield return FindQuota(info);
        yield return FindFilter(options);
        yield return FindIds(info);
    }

    private static async Task<(SystemInfoResponse? Info, SandboxFact? Problem)> AskAsync(
        DockerDaemon daemon,
        CancellationToken stop
    )
    {
        using var patience = new CancellationTokenSource(Patience, TimeProvider.System);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, patience.Token);
        try
        {
            return (await daemon.InfoAsync(both.Token), null);
        }
        catch (SandboxException e)
        {
            const string Mark = " Remedy: ";
            var words = e.Message.Split(Mark, 2);
            return (null, new SandboxFact("a daemon", false, true, words[0], words.ElementAtOrDefault(1)));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            var silent = $"{daemon.Socket} gives no answer in {Patience.TotalSeconds:0} s";
            return (null, new SandboxFact("a daemon", false, true, silent, "systemctl restart docker"));
        }
    }

    private static SandboxFact FindLimits(SystemInfoResponse info)
    {
        var missing = new List<string>();
        if (!info.MemoryLimit)
            missing.Add("memory");
        if (!info.PidsLimit)
            missing.Add("processes");
        if (!info.CPUCfsQuota)
            missing.Add("processors");
        return new SandboxFact(
            "limits of memory, processes, processors",
            missing.Count == 0,
            false,
            missing.Count == 0 ? $"by control groups {info.CgroupVersion}" : $"none of {string.Join(", ", missing)}",
            missing.Count == 0 ? null : "boot with systemd.unified_cgroup_hierarchy=1"
        );
    }

    private static SandboxFact FindQuota(SystemInfoResponse info) =>
        DockerPlan.HasQuota(info)
            ? new SandboxFact("a limit of disk", true, false, $"by {info.Driver}")
            : new SandboxFact(
                "a limit of disk",
                true,
                false,
                $"by looking: {info.Driver} here refuses no write itself"
            );

    private static SandboxFact FindFilter(SandboxOptions options)
    {
        const string What = "a filter for networks";
        if (options.DockerUnfiltered)
            return new SandboxFact(
                What,
                false,
                false,
                "switched off by Sandbox:DockerUnfiltered",
                "switch it on again"
            );
        if (Posix.UserId != 0)
            return new SandboxFact(What, false, false, "only root can make one", "run the runner as a root service");
        return ChildProgram.Search("nft") is null
            ? new SandboxFact(What, false, false, "no nft", "apt-get install nftables")
            : new SandboxFact(What, true, false, "nft, by a root runner");
    }

    private static SandboxFact FindIds(SystemInfoResponse info) =>
        info.SecurityOptions?.Any(option => option.Contains("name=userns", StringComparison.Ordinal)) is true
            ? new SandboxFact("a range of ids", true, false, "root inside is a stranger outside")
            : new SandboxFact(
                "a range of ids",
                false,
                false,
                "root inside a container is this machine's root, with few rights",
                "\"userns-remap\": \"default\" in /etc/docker/daemon.json"
            );
}
